#include "collector/serve/plugins/keras_graph.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/json_value.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

using Kind = JsonValue::Kind;

const JsonValue* Member(const JsonValue* object, absl::string_view key) {
  const JsonValue* value = object == nullptr ? nullptr : object->Find(key);
  return value == nullptr || value->kind == Kind::kNull ? nullptr : value;
}

std::string TextOf(const JsonValue* value) {
  return value != nullptr && value->kind == Kind::kString ? value->text : "";
}

std::string NameOf(const JsonValue& layer) {
  return TextOf(Member(Member(&layer, "config"), "name"));
}

// Null if this is a layer rather than a model.
const JsonValue* LayersOf(const JsonValue& layer) {
  return Member(Member(&layer, "config"), "layers");
}

std::string Scoped(const std::string& scope, const std::string& name) {
  return scope.empty() ? name : absl::StrCat(scope, "/", name);
}

// Names of [name, node, tensor], or of a list of such.
std::vector<std::string> NamesOf(const JsonValue* triples) {
  std::vector<std::string> names;
  if (triples == nullptr || triples->kind != Kind::kArray || triples->values.empty()) return names;
  if (triples->values[0].kind != Kind::kArray) return {TextOf(&triples->values[0])};
  for (const JsonValue& triple : triples->values) {
    if (!triple.values.empty()) names.push_back(TextOf(&triple.values[0]));
  }
  return names;
}

// The output of a layer that is an input of another.
struct Inbound {
  std::string name;
  int64_t output = 0;
};

void AddHistory(const JsonValue& argument, std::vector<Inbound>* inbound) {
  const JsonValue* history = Member(Member(&argument, "config"), "keras_history");
  if (history == nullptr || history->values.size() < 3) return;
  inbound->push_back({TextOf(&history->values[0]), history->values[2].AsInteger().value_or(0)});
}

// As Keras 3 writes them; older forms give no edges.
std::vector<Inbound> InboundOf(const JsonValue& layer) {
  std::vector<Inbound> inbound;
  const JsonValue* nodes = Member(&layer, "inbound_nodes");
  if (nodes == nullptr) return inbound;
  for (const JsonValue& node : nodes->values) {
    const JsonValue* arguments = Member(&node, "args");
    if (arguments == nullptr) continue;
    for (const JsonValue& argument : arguments->values) {
      if (argument.kind == Kind::kArray) {
        for (const JsonValue& one : argument.values) AddHistory(one, &inbound);
      } else {
        AddHistory(argument, &inbound);
      }
    }
  }
  return inbound;
}

// DT_INVALID for names that are no dtype.
tensorboard::DataType DtypeOf(const JsonValue* dtype) {
  if (dtype != nullptr && dtype->kind == Kind::kObject) {
    dtype = Member(Member(dtype, "config"), "name");
  }
  std::string name = absl::AsciiStrToUpper(TextOf(dtype));
  if (TextOf(dtype) != absl::AsciiStrToLower(name)) return tensorboard::DT_INVALID;
  static constexpr std::pair<absl::string_view, absl::string_view> kOthers[] = {
      {"FLOAT32", "FLOAT"}, {"FLOAT64", "DOUBLE"}, {"FLOAT16", "HALF"}};
  for (const auto& [keras, ours] : kOthers) {
    if (name == keras) name = std::string(ours);
  }
  tensorboard::DataType type = tensorboard::DT_INVALID;
  tensorboard::DataType_Parse(absl::StrCat("DT_", name), &type);
  return type;
}

class Converter {
 public:
  // `scope` is that of the layer itself.
  void Walk(const JsonValue& layer, const std::string& scope) {
    const JsonValue* layers = LayersOf(layer);
    if (layers == nullptr) {
      AddLayer(layer, scope);
      return;
    }
    NoteModel(layer, *layers, scope);
    // The outermost model is no scope in itself: its layers are below its name all the same.
    const std::string inner = Scoped(scope, NameOf(layer));
    for (const JsonValue& inside : layers->values) Walk(inside, inner);
  }
  tensorboard::GraphDef Take() { return std::move(graph_); }

 private:
  // What layers that name this model, and its own inputs, stand for.
  void NoteModel(const JsonValue& model, const JsonValue& layers, const std::string& scope) {
    const std::string name = Scoped(scope, NameOf(model));
    const JsonValue* config = Member(&model, "config");
    const std::vector<std::string> inputs = NamesOf(Member(config, "input_layers"));
    const std::vector<std::string> outputs = NamesOf(Member(config, "output_layers"));
    const std::vector<Inbound> inbound = InboundOf(model);
    const bool functional = !inputs.empty() && !outputs.empty();
    if (functional && !inbound.empty()) {
      for (size_t i = 0; i < std::min(inputs.size(), inbound.size()); ++i) {
        source_of_input_[Scoped(name, inputs[i])] = Scoped(scope, inbound[i].name);
      }
    } else if (!inbound.empty()) {
      previous_ = Scoped(scope, inbound[0].name);
    } else if (previous_.has_value() && functional && inputs.size() == 1) {
      source_of_input_[Scoped(name, inputs[0])] = *previous_;
    }
    std::vector<std::string>& ends = outputs_of_model_[name];
    ends.clear();
    if (functional) {
      for (const std::string& output : outputs) ends.push_back(Scoped(name, output));
    } else if (!layers.values.empty()) {
      ends.push_back(Scoped(name, NameOf(layers.values.back())));
    }
  }

  void AddLayer(const JsonValue& layer, const std::string& scope) {
    if (Member(&layer, "config") == nullptr) return;
    tensorboard::NodeDef* node = graph_.add_node();
    node->set_name(Scoped(scope, NameOf(layer)));
    if (const JsonValue* class_name = Member(&layer, "class_name")) {
      (*node->mutable_attr())["keras_class"].set_s(TextOf(class_name));
    }
    const tensorboard::DataType dtype = DtypeOf(Member(Member(&layer, "config"), "dtype"));
    if (dtype != tensorboard::DT_INVALID) (*node->mutable_attr())["dtype"].set_type(dtype);
    if (Member(&layer, "inbound_nodes") != nullptr) {
      for (const Inbound& inbound : InboundOf(layer)) node->add_input(SourceOf(scope, inbound));
    } else if (previous_.has_value()) {
      node->add_input(*previous_);
    }
    const auto source = source_of_input_.find(node->name());
    if (source != source_of_input_.end()) node->add_input(source->second);
    previous_ = node->name();
  }

  std::string SourceOf(const std::string& scope, const Inbound& inbound) const {
    const std::string name = Scoped(scope, inbound.name);
    const auto model = outputs_of_model_.find(name);
    if (model == outputs_of_model_.end() || model->second.empty()) return name;
    const auto outputs = static_cast<int64_t>(model->second.size());
    const int64_t output =
        inbound.output >= 0 && inbound.output < outputs ? inbound.output : outputs - 1;
    return model->second[static_cast<size_t>(output)];
  }

  tensorboard::GraphDef graph_;
  std::map<std::string, std::string> source_of_input_;
  std::map<std::string, std::vector<std::string>> outputs_of_model_;
  std::optional<std::string> previous_;  // the layer before, in a model that is a sequence
};

}  // namespace

absl::StatusOr<tensorboard::GraphDef> KerasGraph(absl::string_view model_json) {
  ASSIGN_OR_RETURN(const JsonValue model, ParseJson(model_json));
  if (Member(&model, "config") == nullptr) {
    return absl::InvalidArgumentError("the blob is no Keras model");
  }
  Converter converter;
  converter.Walk(model, "");
  return converter.Take();
}

}  // namespace tributary::serve
