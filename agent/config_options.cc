// The declarations of the agent's options: every word of --help and of the reference configuration.
#include "agent/config.h"

namespace tributary::agent {

namespace {

constexpr char kFooter[] =
    "Examples:\n"
    "  tributary-agent --collector head:6006 --plaintext --logdir /scratch/logs\n"
    "        Follow a directory; the node's name is the first part of each run name.\n"
    "  tributary-agent plan --logdir /scratch/logs --namespace 'team-a/{node}'\n"
    "        Look at the names before anything is sent.\n"
    "  tributary-agent run --collector localhost:6006 --logdir logs -- python train.py\n"
    "        Train, deliver, and return train.py's exit code.\n"
    "  tributary-agent exec --collector head:6006 --plaintext --service tensorboard -- \\\n"
    "      tensorboard --logdir logs --port {port} --path_prefix {prefix}\n"
    "        This node's own TensorBoard, at head:6006/node/NODE/tensorboard/.\n"
    "  tributary-agent --once --collector localhost:6006 --logdir old=/data/old\n"
    "        Deliver what is there, below the name \"old\", and end. Twice changes nothing.\n"
    "\n"
    "Exit codes: 0 good; 1 failed, or something was left undelivered; 2 wrong usage or\n"
    "configuration; with -- COMMAND always the COMMAND's own (128+n for signal n). plan: 0\n"
    "also where names collide; 1 if the collector is away, or would refuse this node.\n";

}  // namespace

Options::Program AgentProgram() {
  return {
      .name = "tributary-agent",
      .summary =
          "follows the TensorBoard event files of one node and streams them to the collector. It "
          "only reads; it keeps no state of its own, so it may be stopped, killed and started at "
          "any time.",
      .usage =
          {"tributary-agent [run] --collector HOST:PORT --logdir [NAME=]DIR ... [options]",
           "tributary-agent run --collector HOST:PORT --logdir DIR [options] -- COMMAND ...",
           "tributary-agent plan|check|drain|status --collector HOST:PORT --logdir DIR",
           "tributary-agent status --cluster --collector HOST:PORT",
           "tributary-agent exec --collector HOST:PORT --service NAME [options] -- COMMAND ... "
           "{port} ...",
           "tributary-agent register --collector HOST:PORT --service NAME --port N",
           "tributary-agent doctor --collector HOST:PORT [--logdir DIR]",
           "tributary-agent connect --collector HOST:PORT [--listen HOST:PORT]",
           "tributary-agent mark DIR", "tributary-agent reference-config > agent.yaml"},
      .commands =
          {{"run",
            "Follows the logdirs until it is told to stop. With --once, ends when what is there is "
            "safe at the collector. With -- COMMAND, runs it, and delivers what it wrote before "
            "returning its exit code",
            ""},
           {"plan",
            "Shows the run name of each file as run [-- COMMAND] gives it, and why; then what "
            "collides here, and with --collector what is there already: runs of other nodes that "
            "go on, names that are kept or look the same, a second machine of this name. Sends "
            "nothing",
            ""},
           {"check", "Checks the configuration and shows what it comes to", ""},
           {"drain",
            "Waits until everything that is there now is safe at the collector. An agent of this "
            "node brings it there, drain does not",
            ""},
           {"status", "Shows what the collector has of this node, or with --cluster of all", ""},
           {"doctor",
            "Walks from here to the collector, and over the logdirs, and says what fails, why, and "
            "what to do; also from a machine that only looks",
            ""},
           {"connect",
            "Opens a port of this machine that leads to the collector, for programs and scripts "
            "that can only speak to localhost",
            ""},
           {"exec",
            "Runs COMMAND, a TensorBoard or any web page, on a port that nobody else has in the "
            "cluster: {port} and {prefix} in its arguments are replaced, PORT is set in its "
            "environment. It opens from the collector's URL, also if it listens on another port "
            "after all. Returns its exit code",
            ""},
           {"register",
            "The same for a service that runs already on --port, until this is told to stop", ""},
           {"mark",
            "Writes the facts of the job it runs in to DIR/.tributary.yaml, for an agent "
            "that runs outside of the job",
            "DIR"},
           {"reference-config",
            "Prints a file for --config in which every option stands commented out, with its "
            "default",
            ""}},
      .default_command = "run",
      .footer = kFooter};
}

namespace {

void DeclareDelivery(AgentOptionValues* values, Options* options) {
  options->Add(&values->collector, {.name = "collector",
                                    .section = "What goes where",
                                    .value = "HOST:PORT",
                                    .example = "localhost:6006",
                                    .help = "Where the collector listens."});
  options->Add(&values->logdirs,
               {.name = "logdir",
                .section = "What goes where",
                .value = "[NAME=]DIR",
                .example = "/scratch/logs",
                .help = "Directory whose event files are followed, with all below it. May be given "
                        "several times; then each but one needs a NAME, which becomes part of the "
                        "run names. A directory that does not exist yet is waited for. A {FACT} "
                        "stands for any whole name in the path that begins with no dot, and gives "
                        "that fact to the run names: '/scratch/{user}/{job}/tb' follows each such "
                        "directory, also later ones.",
                .many_values = true});
  options->Add(&values->plaintext,
               {.name = "plaintext",
                .section = "What goes where",
                .help = "Send unencrypted to a collector on another machine. Anyone on the network "
                        "between can read and change what is sent."});
  options->Add(&values->store,
               {.name = "store",
                .section = "What goes where",
                .value = "ID",
                .example = "a36954837f41558b395dd08e5e85b679",
                .help = "Deliver only to the collector whose store has this id, as it prints it; "
                        "guards against another service on the same address."});
  options->Add(&values->use_proxy,
               {.name = "use-proxy",
                .section = "What goes where",
                .help = "Obey http_proxy of the environment, which is ignored otherwise."});
}

void DeclareSideFiles(AgentOptionValues* values, Options* options) {
  options->Add(&values->projector_files,
               {.name = "projector-files",
                .section = "What goes where",
                .help = "Deliver each projector_config.pbtxt below the logdirs too, and what it "
                        "names: tensors, metadata, sprites, bookmarks. Only files inside the "
                        "logdir, named by relative paths.",
                .needs_value = true});
  options->Add(&values->plugin_files,
               {.name = "plugin-files",
                .section = "What goes where",
                .help = "Deliver what is below directories named plugins too, such as profiles in "
                        "plugins/profile.",
                .needs_value = true});
  options->AddBytes(&values->asset_bytes_max,
                    {.name = "asset-bytes-max",
                     .section = "What goes where",
                     .help = "A file of the two kinds above that is larger is left out. Such files "
                             "are sent whole, each time they have changed.",
                     .min = "1KiB",
                     .max = "256MiB"});
}

void DeclareNames(AgentOptionValues* values, Options* options) {
  options->Add(&values->node,
               {.name = "node",
                .section = "Names of runs",
                .value = "NAME",
                .example = "node07",
                .help = "Name of this node. Otherwise SLURMD_NODENAME, or the host name up to its "
                        "first dot."});
  options->Add(
      &values->name_space,
      {.name = "namespace",
       .section = "Names of runs",
       .value = "TEMPLATE",
       .example = "team-a/{node}",
       .help = "First part of the run names, before the logdir's NAME and the directory. "
               "Takes {node}, {job}, {job_name}, {index}, {rank}, {user} and the keys of "
               "labels; '' for none. Otherwise {job}/node{index} for files of a Slurm job, "
               "{job}/{node} where the path of --logdir gives the job, {node} for others."});
  options->Add(&values->labels,
               {.name = "label",
                .section = "Names of runs",
                .value = "KEY=VALUE",
                .example = "team=nlp",
                .help = "A fact of your own, for {KEY} in --namespace; also told to the collector. "
                        "May be given several times."});
}

void DeclareBehaviour(AgentOptionValues* values, Options* options) {
  options->Add(&values->once,
               {.name = "once",
                .section = "Behaviour",
                .help = "End when everything that is there at the start is safe at the collector.",
                .commands = {"run"},
                .flag_only = true});
  options->Add(&values->json, {.name = "json",
                               .section = "Behaviour",
                               .help = "Answer in JSON.",
                               .commands = {"plan", "check", "drain", "status", "doctor"},
                               .flag_only = true});
  options->Add(&values->cluster,
               {.name = "cluster",
                .section = "Behaviour",
                .help = "Show the whole cluster, as the Cluster tab does: which nodes live, lag or "
                        "need a look, where services open, who wants one port or name. Needs no "
                        "--logdir. In JSON, what the collector's /api/v1/cluster?streams=0 "
                        "answers.",
                .commands = {"status"},
                .flag_only = true});
  options->Add(&values->connect_timeout,
               {.name = "connect-timeout",
                .section = "Behaviour",
                .help = "How long --once, drain, status and plan try to reach the collector before "
                        "they fail. run without --once tries for ever. doctor and connect --store "
                        "wait for each answer so long, and at most 5s.",
                .min = "100ms",
                .max = "1d"});
  options->Add(&values->drain_timeout,
               {.name = "drain-timeout",
                .section = "Behaviour",
                .help = "How long to go on delivering after SIGTERM or after the end of COMMAND; "
                        "what is left then is printed and stays where it is. drain waits without "
                        "end unless this is given. For so long and 5s more, run waits for another "
                        "agent of this node with the same --logdir name to end: then it fails.",
                .min = "0",
                .max = "7d"});
  options->Add(&values->open_files_max,
               {.name = "open-files-max",
                .section = "Behaviour",
                .help = "Event files open at once; more are followed all the same, by turns.",
                .min = "1",
                .max = "1000000"});
  options->AddBytes(&values->chunk_bytes_max,
                    {.name = "chunk-bytes-max",
                     .section = "Behaviour",
                     .help = "Bytes of one message. More saves work per message, less lets other "
                             "files pass a big one sooner.",
                     .min = "4KiB",
                     .max = "4MiB"});
  options->Add(&values->guest,
               {.name = "guest",
                .section = "Behaviour",
                .help = "Run behind the training: nice 10 and idle I/O class. Not passed on to "
                        "COMMAND.",
                .needs_value = true});
}

void DeclareConnect(AgentOptionValues* values, Options* options) {
  options->Add(&values->listen,
               {.name = "listen",
                .section = "The port of connect",
                .value = "HOST:PORT",
                .help = "Where connect listens; port 0 is any free one. localhost is 127.0.0.1 "
                        "and ::1.",
                .commands = {"connect"}});
  options->Add(&values->port_file,
               {.name = "port-file",
                .section = "The port of connect",
                .value = "FILE",
                .example = "/run/user/1000/tributary.port",
                .help = "Written with the number of the port as soon as connect listens.",
                .commands = {"connect"}});
  options->Add(&values->no_auth,
               {.name = "no-auth",
                .section = "The port of connect",
                .help = "Let --listen be open to other machines: whoever reaches it is let in to "
                        "the collector as the user who runs this.",
                .commands = {"connect"}});
  options->Add(&values->connections_max, {.name = "connections-max",
                                          .section = "The port of connect",
                                          .help = "Connections at once; more are refused.",
                                          .min = "1",
                                          .max = "100000",
                                          .commands = {"connect"}});
}

void DeclareServices(AgentOptionValues* values, Options* options) {
  const std::vector<std::string> both = {"exec", "register"};
  options->Add(&values->service, {.name = "service",
                                  .section = "Services",
                                  .value = "NAME",
                                  .help = "What the service is called on its node; the next one of "
                                          "a name is NAME~2.",
                                  .commands = both,
                                  .flag_only = true});
  options->Add(&values->port,
               {.name = "port",
                .section = "Services",
                .value = "N",
                .help = "exec: the port that is wished; another one is taken if somebody in the "
                        "cluster has it. register: where the service listens.",
                .min = "1",
                .max = "65535",
                .commands = both,
                .flag_only = true});
  options->Add(&values->range,
               {.name = "range",
                .section = "Services",
                .value = "A-B",
                .help = "Where a port is looked for when the wished one is taken. Otherwise "
                        "6006-7005.",
                .commands = {"exec"},
                .flag_only = true});
  options->Add(&values->fixed, {.name = "fixed",
                                .section = "Services",
                                .help = "Take --port or fail, naming who has it.",
                                .commands = {"exec"},
                                .flag_only = true});
  options->Add(&values->mode,
               {.name = "mode",
                .section = "Services",
                .value = "MODE",
                .help = "How the collector opens the service: keep, it was told its {prefix}; "
                        "strip, the prefix is taken off, for pages with relative links; host, an "
                        "address of its own. Otherwise keep with {prefix}, else host.",
                .choices = {"keep", "strip", "host"},
                .commands = both,
                .flag_only = true});
}

void DeclareFinding(AgentOptionValues* values, Options* options) {
  options->Add(&values->find_tensorboards,
               {.name = "find-tensorboards",
                .section = "Services",
                .value = "auto|off|DIR",
                .help = "Register the TensorBoards that already run on this node, those of other "
                        "users too, so that they open from the collector's URL. auto looks where "
                        "they keep their info files: .tensorboard-info in TMPDIR, or in /tmp.",
                .commands = {"run"}});
}

void DeclareObservation(AgentOptionValues* values, Options* options) {
  options->Add(&values->admin_port,
               {.name = "admin-port",
                .section = "Observation",
                .value = "PORT",
                .example = "9106",
                .help = "Serve /healthz, /readyz and /metrics on this port; 0 takes any free one. "
                        "No port is opened otherwise.",
                .min = "0",
                .max = "65535",
                .commands = {"run"}});
  options->Add(&values->admin_host,
               {.name = "admin-host",
                .section = "Observation",
                .value = "HOST",
                .help = "Where --admin-port listens; 0.0.0.0 for every interface.",
                .commands = {"run"}});
  options->Add(&values->log_level, {.name = "log-level",
                                    .section = "Observation",
                                    .value = "LEVEL",
                                    .help = "What is logged to standard error.",
                                    .choices = {"debug", "info", "warn", "error"}});
}

}  // namespace

void DeclareAgentOptions(AgentOptionValues* values, Options* options) {
  DeclareDelivery(values, options);
  DeclareSideFiles(values, options);
  DeclareNames(values, options);
  DeclareFinding(values, options);
  DeclareServices(values, options);
  DeclareBehaviour(values, options);
  DeclareConnect(values, options);
  DeclareObservation(values, options);
}

std::string AgentReferenceYaml() {
  AgentOptionValues values;
  Options options(AgentProgram());
  DeclareAgentOptions(&values, &options);
  return options.ReferenceYaml();
}

}  // namespace tributary::agent
