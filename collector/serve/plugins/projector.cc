#include "collector/serve/plugins/projector.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_writer.h"
#include "collector/serve/plugins/message_json.h"
#include "collector/serve/plugins/record_values.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

using tensorboard::projector::EmbeddingInfo;

http::Response FileAnswer(std::string content_type, std::string body) {
  http::Response response;
  response.content_type = std::move(content_type);
  response.body = std::move(body);
  ForbidReuse(&response);
  return response;
}

// nullopt: all.
absl::StatusOr<std::optional<uint64_t>> RowsParameter(const http::Request& request) {
  const absl::string_view text = request.QueryValue("num_rows").value_or("");
  if (text.empty()) return std::nullopt;
  int64_t rows = 0;
  if (!absl::SimpleAtoi(text, &rows) || rows <= 0) {
    return absl::InvalidArgumentError("\"num_rows\" must be an integer above 0");
  }
  return static_cast<uint64_t>(rows);
}

absl::StatusOr<const EmbeddingInfo*> EmbeddingOf(const Projection& projection,
                                                 const http::Request& request) {
  ASSIGN_OR_RETURN(const std::string name, RequiredParameter(request, "name"));
  const EmbeddingInfo* embedding = FindEmbedding(projection, name);
  if (embedding == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the run has no tensor \"", name, "\""));
  }
  return embedding;
}

absl::Status RequireNamed(absl::string_view path, absl::string_view what) {
  if (!path.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the configuration names no ", what));
}

// So many lines, and the header if the first one is one.
std::string FirstLines(std::string text, uint64_t rows) {
  const size_t first_end = text.find('\n');
  const bool header = text.find('\t') < first_end;
  size_t end = 0;
  for (uint64_t line = 0; line < rows + (header ? 1 : 0) && end < text.size(); ++line) {
    const size_t newline = text.find('\n', end);
    end = newline == std::string::npos ? text.size() : newline + 1;
  }
  text.resize(end);
  return text;
}

}  // namespace

void ProjectorPlugin::AddRoutes(Router* router) const {
  const auto add = [this, router](absl::string_view route, auto method) {
    router->Add(absl::StrCat("/data/plugin/projector/", route), false,
                [this, method](const http::Request& request, const Location& at) {
                  absl::StatusOr<http::Response> response = (this->*method)(request, at);
                  return response.ok() ? *std::move(response) : ErrorAnswer(response.status());
                });
  };
  add("runs", &ProjectorPlugin::Runs);
  add("info", &ProjectorPlugin::Info);
  add("tensor", &ProjectorPlugin::Tensor);
  add("metadata", &ProjectorPlugin::Metadata);
  add("bookmarks", &ProjectorPlugin::Bookmarks);
  add("sprite_image", &ProjectorPlugin::SpriteImage);
}

ProjectorPlugin::Boards ProjectorPlugin::Read() const {
  const auto read = [](const ProjectorBoard* board) {
    return board == nullptr ? std::make_shared<const ProjectorBoard::Places>() : board->Get();
  };
  return {read(board_), read(local_)};
}

std::vector<Projection> ProjectorPlugin::Projections(const Location& at, bool first_only) const {
  const Boards boards = Read();
  if (boards.agents->empty() && boards.local->empty()) return {};
  std::vector<std::string> names;
  for (const RunInfo& run : at.index->Runs()) names.push_back(run.name.value());
  // The root may hold a configuration for all, and no event.
  if (std::find(names.begin(), names.end(), ".") == names.end()) names.push_back(".");
  for (const auto& [run, directories] : *boards.agents) {
    const std::optional<std::string> name = NameInView(run, at);
    // A run with events is listed already, or is not to be.
    if (!name.has_value() || *name == "." || !at.index->SourceNames(RunName(*name)).empty()) {
      continue;
    }
    names.push_back(*name);
  }
  std::vector<Projection> found;
  for (const std::string& name : names) {
    if (std::optional<Projection> projection = Find(name, at, boards)) {
      found.push_back(*std::move(projection));
      if (first_only) break;
    }
  }
  return found;
}

std::optional<std::string> ProjectorPlugin::NameInView(const std::string& run, const Location& at) {
  if (at.view != Location::View::kBelow) return run;
  if (run == at.name_space) return ".";
  absl::string_view rest = run;
  if (!absl::ConsumePrefix(&rest, absl::StrCat(at.name_space, "/"))) return std::nullopt;
  return std::string(rest);
}

std::string ProjectorPlugin::NameBehindView(const std::string& name, const Location& at) {
  if (at.view != Location::View::kBelow) return name;
  return name == "." ? at.name_space : absl::StrCat(at.name_space, "/", name);
}

std::optional<Projection> ProjectorPlugin::Find(const std::string& run, const Location& at,
                                                const Boards& boards) const {
  std::vector<std::string> directories;
  const auto add = [&directories](const ProjectorBoard::Places& places, const std::string& name) {
    const auto found = places.find(name);
    if (found == places.end()) return;
    directories.insert(directories.end(), found->second.begin(), found->second.end());
  };
  const std::vector<RunName> sources = at.index->SourceNames(RunName(run));
  for (const RunName& source : sources) {
    add(*boards.local, source.value());
    add(*boards.agents, source.value());
  }
  if (sources.empty()) add(*boards.agents, NameBehindView(run, at));
  if (directories.empty()) return std::nullopt;
  return FindProjection(files_, directories, run);
}

absl::StatusOr<Projection> ProjectorPlugin::ProjectionOf(const http::Request& request,
                                                         const Location& at) const {
  ASSIGN_OR_RETURN(const std::string name, RequiredParameter(request, "run"));
  std::optional<Projection> found = Find(name, at, Read());
  if (!found.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("no embeddings for run \"", name, "\""));
  }
  return *std::move(found);
}

absl::StatusOr<http::Response> ProjectorPlugin::Runs(const http::Request&,
                                                     const Location& at) const {
  JsonWriter writer;
  writer.BeginArray();
  for (const Projection& projection : Projections(at, false)) writer.String(projection.run);
  writer.EndArray();
  return JsonAnswer(&writer);
}

absl::StatusOr<http::Response> ProjectorPlugin::Info(const http::Request& request,
                                                     const Location& at) const {
  ASSIGN_OR_RETURN(const Projection projection, ProjectionOf(request, at));
  return MessageAnswer(projection.config, Defaults::kOmitted);
}

absl::StatusOr<http::Response> ProjectorPlugin::Tensor(const http::Request& request,
                                                       const Location& at) const {
  ASSIGN_OR_RETURN(const Projection projection, ProjectionOf(request, at));
  ASSIGN_OR_RETURN(const EmbeddingInfo* embedding, EmbeddingOf(projection, request));
  ASSIGN_OR_RETURN(const std::optional<uint64_t> rows, RowsParameter(request));
  RETURN_IF_ERROR(RequireNamed(embedding->tensor_path(), "file of the tensor"));
  ASSIGN_OR_RETURN(const std::string bytes,
                   ReadAsset(files_, projection, embedding->tensor_path()));
  ASSIGN_OR_RETURN(const Matrix matrix, ParseTensor(*embedding, bytes));
  const uint64_t shown = std::min<uint64_t>(rows.value_or(matrix.rows), matrix.rows);
  return FileAnswer("application/octet-stream",
                    std::string(reinterpret_cast<const char*>(matrix.values.data()),
                                shown * matrix.columns * sizeof(float)));
}

absl::StatusOr<http::Response> ProjectorPlugin::Metadata(const http::Request& request,
                                                         const Location& at) const {
  ASSIGN_OR_RETURN(const Projection projection, ProjectionOf(request, at));
  ASSIGN_OR_RETURN(const EmbeddingInfo* embedding, EmbeddingOf(projection, request));
  ASSIGN_OR_RETURN(const std::optional<uint64_t> rows, RowsParameter(request));
  RETURN_IF_ERROR(RequireNamed(embedding->metadata_path(), "metadata"));
  ASSIGN_OR_RETURN(std::string text, ReadAsset(files_, projection, embedding->metadata_path()));
  if (rows.has_value()) text = FirstLines(std::move(text), *rows);
  return FileAnswer("text/plain; charset=utf-8", std::move(text));
}

absl::StatusOr<http::Response> ProjectorPlugin::Bookmarks(const http::Request& request,
                                                          const Location& at) const {
  ASSIGN_OR_RETURN(const Projection projection, ProjectionOf(request, at));
  ASSIGN_OR_RETURN(const EmbeddingInfo* embedding, EmbeddingOf(projection, request));
  RETURN_IF_ERROR(RequireNamed(embedding->bookmarks_path(), "bookmarks"));
  ASSIGN_OR_RETURN(std::string json, ReadAsset(files_, projection, embedding->bookmarks_path()));
  return FileAnswer("application/json", std::move(json));
}

absl::StatusOr<http::Response> ProjectorPlugin::SpriteImage(const http::Request& request,
                                                            const Location& at) const {
  ASSIGN_OR_RETURN(const Projection projection, ProjectionOf(request, at));
  ASSIGN_OR_RETURN(const EmbeddingInfo* embedding, EmbeddingOf(projection, request));
  RETURN_IF_ERROR(RequireNamed(embedding->sprite().image_path(), "sprite image"));
  ASSIGN_OR_RETURN(std::string bytes,
                   ReadAsset(files_, projection, embedding->sprite().image_path()));
  std::string type = SniffImageType(bytes);
  return FileAnswer(std::move(type), std::move(bytes));
}

}  // namespace tributary::serve
