#include "collector/serve/plugins/projector_files.h"

#include <google/protobuf/text_format.h>

#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "collector/registry/projector_board.h"
#include "common/atomic_file.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

using tensorboard::projector::EmbeddingInfo;
using tensorboard::projector::ProjectorConfig;

constexpr uint64_t kConfigBytesMax = 16u << 20;

// nullopt if there is no such file, or none that names something to show.
std::optional<ProjectorConfig> ReadConfig(FileSystem* files, const std::string& directory) {
  const absl::StatusOr<std::string> text =
      ReadWholeFile(files, JoinPath(directory, ProjectorBoard::kConfigFile), kConfigBytesMax);
  ProjectorConfig config;
  if (!text.ok() || !google::protobuf::TextFormat::ParseFromString(*text, &config)) {
    return std::nullopt;
  }
  bool has_tensors = false;
  for (EmbeddingInfo& embedding : *config.mutable_embeddings()) {
    if (embedding.tensor_path().empty()) continue;
    has_tensors = true;
    if (embedding.tensor_name().empty()) {
      const std::vector<std::string> parts = absl::StrSplit(embedding.tensor_path(), '/');
      embedding.set_tensor_name(parts.back());
    }
  }
  if (!has_tensors && config.model_checkpoint_path().empty()) return std::nullopt;
  if (config.embeddings().empty()) return std::nullopt;
  for (EmbeddingInfo& embedding : *config.mutable_embeddings()) {
    embedding.set_tensor_name(std::string(absl::StripSuffix(embedding.tensor_name(), ":0")));
  }
  return config;
}

void FillShapes(FileSystem* files, Projection* projection) {
  for (EmbeddingInfo& embedding : *projection->config.mutable_embeddings()) {
    if (embedding.tensor_path().empty() || !embedding.tensor_shape().empty()) continue;
    const absl::StatusOr<std::string> bytes =
        ReadAsset(files, *projection, embedding.tensor_path());
    if (!bytes.ok()) continue;  // told when the tensor is asked for
    const absl::StatusOr<Matrix> matrix = ParseTensor(embedding, *bytes);
    if (!matrix.ok()) continue;
    embedding.add_tensor_shape(static_cast<uint32_t>(matrix->rows));
    embedding.add_tensor_shape(static_cast<uint32_t>(matrix->columns));
  }
}

absl::StatusOr<Matrix> ParseTsv(absl::string_view bytes) {
  Matrix matrix;
  for (const absl::string_view line : absl::StrSplit(bytes, '\n')) {
    if (line.empty()) continue;
    size_t columns = 0;
    for (const absl::string_view field : absl::StrSplit(line, '\t')) {
      double value = 0;
      if (!absl::SimpleAtod(field, &value)) {
        return absl::InvalidArgumentError(
            absl::StrCat("row ", matrix.rows + 1, " of the tensor holds what is no number"));
      }
      matrix.values.push_back(static_cast<float>(value));
      ++columns;
    }
    if (matrix.rows > 0 && columns != matrix.columns) {
      return absl::InvalidArgumentError("the tensor's rows differ in length");
    }
    matrix.columns = columns;
    ++matrix.rows;
  }
  return matrix;
}

}  // namespace

std::optional<Projection> FindProjection(FileSystem* files,
                                         const std::vector<std::string>& directories,
                                         const std::string& run) {
  std::optional<Projection> found;
  for (const std::string& directory : directories) {
    for (const std::string& place :
         {directory, JoinPath(directory, ProjectorBoard::kAssetsFolder)}) {
      std::optional<ProjectorConfig> config = ReadConfig(files, place);
      if (config.has_value()) found = Projection{run, place, *std::move(config)};
    }
  }
  if (found.has_value()) FillShapes(files, &*found);
  return found;
}

const EmbeddingInfo* FindEmbedding(const Projection& projection, absl::string_view name) {
  for (const EmbeddingInfo& embedding : projection.config.embeddings()) {
    if (absl::StripSuffix(embedding.tensor_name(), ":0") == absl::StripSuffix(name, ":0")) {
      return &embedding;
    }
  }
  return nullptr;
}

absl::StatusOr<std::string> ReadAsset(FileSystem* files, const Projection& projection,
                                      const std::string& path) {
  const std::string named =
      absl::StartsWith(path, "/") ? path : JoinPath(projection.directory, path);
  const absl::StatusOr<std::string> folder = files->RealPath(projection.directory);
  const absl::StatusOr<std::string> real = files->RealPath(named);
  if (!folder.ok() || !real.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("there is no file \"", path, "\""));
  }
  if (!absl::StartsWith(*real, absl::StrCat(absl::StripSuffix(*folder, "/"), "/"))) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", path, "\" is outside the configuration's directory"));
  }
  const absl::StatusOr<FileStat> stat = files->Stat(*real);
  if (!stat.ok() || !stat->is_regular) {
    return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" is no file"));
  }
  absl::StatusOr<std::string> bytes = ReadWholeFile(files, *real, kProjectorFileBytesMax);
  if (!bytes.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", path, "\" cannot be read: ", bytes.status().message()));
  }
  return bytes;
}

absl::StatusOr<Matrix> ParseTensor(const EmbeddingInfo& embedding, absl::string_view bytes) {
  absl::StatusOr<Matrix> matrix = ParseTsv(bytes);
  if (matrix.ok()) return matrix;
  if (embedding.tensor_shape_size() != 2) return matrix.status();
  Matrix binary;
  binary.rows = embedding.tensor_shape(0);
  binary.columns = embedding.tensor_shape(1);
  if (bytes.size() % sizeof(float) != 0 ||
      uint64_t{binary.rows} * binary.columns != bytes.size() / sizeof(float)) {
    return absl::InvalidArgumentError("the tensor is neither TSV nor float32 of its shape");
  }
  binary.values.resize(bytes.size() / sizeof(float));
  std::memcpy(binary.values.data(), bytes.data(), bytes.size());
  return binary;
}

}  // namespace tributary::serve
