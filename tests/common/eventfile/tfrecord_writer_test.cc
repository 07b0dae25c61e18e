#include "common/eventfile/tfrecord_writer.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace tributary {
namespace {

// The first record that TensorBoard's own writer makes, byte for byte.
TEST(TfRecordWriterTest, KnownRecord) {
  std::string file;
  AppendTfRecord(absl::HexStringToBytes("090000803899d6d7411a0d") + "brain.Event:2", &file);
  EXPECT_EQ(absl::BytesToHexString(file),
            "1800000000000000"
            "a37f4b22"
            "090000803899d6d7411a0d627261696e2e4576656e743a32"
            "124b36ab");
}

TEST(TfRecordWriterTest, EmptyPayload_AppendsAfterWhatIsThere) {
  std::string file = "before";
  AppendTfRecord("", &file);
  EXPECT_EQ(absl::BytesToHexString(file.substr(6)),
            "0000000000000000"
            "29039807"
            "d8ea82a2");
}

}  // namespace
}  // namespace tributary
