#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "common/eventfile/event_scan.h"
#include "tensorboard/tensor.pb.h"

namespace tributary {
namespace {

using tensorboard::TensorProto;

TensorProto Of(tensorboard::DataType dtype) {
  TensorProto tensor;
  tensor.set_dtype(dtype);
  return tensor;
}

template <typename T>
TensorProto WithContent(tensorboard::DataType dtype, T value) {
  TensorProto tensor = Of(dtype);
  std::string content(sizeof(T), '\0');
  std::memcpy(content.data(), &value, sizeof(T));
  tensor.set_tensor_content(content);
  return tensor;
}

ScannedScalarTensor Scan(const TensorProto& tensor) {
  ScannedScalarTensor scanned;
  EXPECT_TRUE(ScanScalarTensor(tensor.SerializeAsString(), &scanned)) << tensor.DebugString();
  return scanned;
}

bool IsScalar(const TensorProto& tensor) {
  ScannedScalarTensor scanned;
  return ScanScalarTensor(tensor.SerializeAsString(), &scanned);
}

TEST(ScalarTensorTest, Float_AsTensorFlowWritesIt) {
  TensorProto tensor = Of(tensorboard::DT_FLOAT);
  tensor.mutable_tensor_shape();
  tensor.add_float_val(0.25);
  EXPECT_EQ(Scan(tensor).value, 0.25);
  EXPECT_TRUE(Scan(tensor).exact_in_float);
  EXPECT_TRUE(Scan(tensor).is_float_rank_0);
  tensor.clear_tensor_shape();
  EXPECT_TRUE(Scan(tensor).is_float_rank_0);
  EXPECT_TRUE(Scan(WithContent(tensorboard::DT_FLOAT, -1.5f)).is_float_rank_0);
  EXPECT_EQ(Scan(WithContent(tensorboard::DT_FLOAT, -1.5f)).value, -1.5);
}

TEST(ScalarTensorTest, RankAboveZero_IfAllDimsAreOne) {
  TensorProto tensor = Of(tensorboard::DT_FLOAT);
  tensor.add_float_val(1);
  tensor.mutable_tensor_shape()->add_dim()->set_size(1);
  EXPECT_FALSE(Scan(tensor).is_float_rank_0);
  tensor.mutable_tensor_shape()->add_dim()->set_size(1);
  EXPECT_TRUE(IsScalar(tensor));
  for (const int64_t size : {int64_t{0}, int64_t{2}, int64_t{-1}}) {
    tensor.mutable_tensor_shape()->mutable_dim(0)->set_size(size);
    EXPECT_FALSE(IsScalar(tensor)) << size;
  }
}

TEST(ScalarTensorTest, OtherCounts_AreNoScalars) {
  TensorProto tensor = Of(tensorboard::DT_FLOAT);
  EXPECT_FALSE(IsScalar(tensor));
  tensor.add_float_val(1);
  tensor.add_float_val(2);
  EXPECT_FALSE(IsScalar(tensor));
  EXPECT_FALSE(IsScalar(WithContent(tensorboard::DT_FLOAT, 1.0)));  // 8 bytes
  EXPECT_FALSE(IsScalar(WithContent(tensorboard::DT_DOUBLE, 1.0f)));
  TensorProto wrong_list = Of(tensorboard::DT_FLOAT);
  wrong_list.add_double_val(1);
  EXPECT_FALSE(IsScalar(wrong_list));
}

TEST(ScalarTensorTest, ContentWinsOverTheList) {
  TensorProto tensor = WithContent(tensorboard::DT_INT32, int32_t{5});
  tensor.add_int_val(6);
  EXPECT_EQ(Scan(tensor).value, 5);
}

TEST(ScalarTensorTest, EachNumericType_FromItsList) {
  TensorProto tensor = Of(tensorboard::DT_DOUBLE);
  tensor.add_double_val(0.1);
  EXPECT_EQ(Scan(tensor).value, 0.1);
  EXPECT_FALSE(Scan(tensor).exact_in_float);

  tensor = Of(tensorboard::DT_INT32);
  tensor.add_int_val(std::numeric_limits<int32_t>::min());
  EXPECT_EQ(Scan(tensor).value, -2147483648.0);
  EXPECT_FALSE(Scan(tensor).exact_in_float);
  tensor.set_int_val(0, -1);
  for (const auto dtype : {tensorboard::DT_INT16, tensorboard::DT_INT8}) {
    tensor.set_dtype(dtype);
    EXPECT_EQ(Scan(tensor).value, -1);
    EXPECT_TRUE(Scan(tensor).exact_in_float);
  }
  tensor.set_int_val(0, 200);
  for (const auto dtype : {tensorboard::DT_UINT16, tensorboard::DT_UINT8}) {
    tensor.set_dtype(dtype);
    EXPECT_EQ(Scan(tensor).value, 200);
    EXPECT_TRUE(Scan(tensor).exact_in_float);
  }

  tensor = Of(tensorboard::DT_INT64);
  tensor.add_int64_val(-(int64_t{1} << 40));
  EXPECT_EQ(Scan(tensor).value, -std::ldexp(1, 40));
  EXPECT_FALSE(Scan(tensor).exact_in_float);

  tensor = Of(tensorboard::DT_UINT64);
  tensor.add_uint64_val(uint64_t{1} << 63);
  EXPECT_EQ(Scan(tensor).value, std::ldexp(1, 63));

  tensor = Of(tensorboard::DT_UINT32);
  tensor.add_uint32_val(0xffffffff);
  EXPECT_EQ(Scan(tensor).value, 4294967295.0);

  tensor = Of(tensorboard::DT_BOOL);
  tensor.add_bool_val(true);
  EXPECT_EQ(Scan(tensor).value, 1);
  EXPECT_TRUE(Scan(tensor).exact_in_float);
}

TEST(ScalarTensorTest, HalfAndBfloat16) {
  const auto half = [](int bits) {
    TensorProto tensor = Of(tensorboard::DT_HALF);
    tensor.add_half_val(bits);
    return Scan(tensor).value;
  };
  EXPECT_EQ(half(0x3c00), 1);
  EXPECT_EQ(half(0xc000), -2);
  EXPECT_EQ(half(0x7bff), 65504);
  EXPECT_EQ(half(0x0001), std::ldexp(1, -24));
  EXPECT_EQ(half(0x7c00), std::numeric_limits<double>::infinity());
  EXPECT_EQ(half(0xfc00), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(half(0x7c01)));
  EXPECT_TRUE(std::signbit(half(0x8000)));
  EXPECT_EQ(Scan(WithContent(tensorboard::DT_HALF, uint16_t{0x3800})).value, 0.5);
  EXPECT_EQ(Scan(WithContent(tensorboard::DT_BFLOAT16, uint16_t{0x3f80})).value, 1);
  EXPECT_TRUE(Scan(WithContent(tensorboard::DT_BFLOAT16, uint16_t{0x3f80})).exact_in_float);
}

TEST(ScalarTensorTest, Float8) {
  const auto value = [](tensorboard::DataType dtype, uint8_t bits) {
    TensorProto tensor = Of(dtype);
    tensor.set_float8_val(std::string(1, static_cast<char>(bits)));
    return Scan(tensor).value;
  };
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E5M2, 0x3c), 1);
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E5M2, 0x7b), 57344);
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E5M2, 0x7c), std::numeric_limits<double>::infinity());
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E4M3FN, 0x38), 1);
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E4M3FN, 0x7e), 448);
  EXPECT_TRUE(std::isnan(value(tensorboard::DT_FLOAT8_E4M3FN, 0x7f)));
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E4M3FNUZ, 0x40), 1);
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E4M3FNUZ, 0x7f), 240);
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E4M3B11FNUZ, 0x58), 1);
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E4M3B11FNUZ, 0x7f), 30);
  EXPECT_EQ(value(tensorboard::DT_FLOAT8_E5M2FNUZ, 0x40), 1);
  EXPECT_TRUE(std::isnan(value(tensorboard::DT_FLOAT8_E5M2FNUZ, 0x80)));
}

TEST(ScalarTensorTest, NotNumbers_AreNoScalars) {
  TensorProto string = Of(tensorboard::DT_STRING);
  string.add_string_val("1.0");
  EXPECT_FALSE(IsScalar(string));
  EXPECT_FALSE(IsScalar(WithContent(tensorboard::DT_COMPLEX64, 1.0)));
  EXPECT_FALSE(IsScalar(WithContent(tensorboard::DT_QINT32, int32_t{1})));
  EXPECT_FALSE(IsScalar(WithContent(tensorboard::DT_INVALID, 1.0f)));
  TensorProto reference = WithContent(tensorboard::DT_FLOAT, 1.0f);
  reference.set_dtype(static_cast<tensorboard::DataType>(101));
  EXPECT_FALSE(IsScalar(reference));
}

TEST(ScalarTensorTest, UnpackedLists_AreTaken) {
  ScannedScalarTensor scanned;
  // dtype FLOAT, float_val as a single fixed32.
  ASSERT_TRUE(ScanScalarTensor(absl::string_view("\x08\x01\x2d\0\0\x80\x3f", 7), &scanned));
  EXPECT_EQ(scanned.value, 1);
  // int64_val as a single varint, with the dtype after it.
  ASSERT_TRUE(ScanScalarTensor("\x50\x07\x08\x09", &scanned));
  EXPECT_EQ(scanned.value, 7);
  // Two of them make two elements.
  EXPECT_FALSE(ScanScalarTensor("\x50\x07\x50\x07\x08\x09", &scanned));
}

TEST(ScalarTensorTest, Malformed_IsNoScalar) {
  const std::string good = WithContent(tensorboard::DT_FLOAT, 1.0f).SerializeAsString();
  ScannedScalarTensor scanned;
  for (const std::string& bad :
       {std::string("\x2a\x03xyz"), std::string("\x32\x07xxxxxxx"), std::string("\x52\x01\x80"),
        std::string("\x12\x04\x12\x02\x08\x80"), std::string("\x12\x05\x12\x03\x12\x01\xff"),
        std::string("\x0c"), std::string("\x22\x05x")}) {
    EXPECT_FALSE(ScanScalarTensor(good + bad, &scanned)) << bad;
    EXPECT_FALSE(TensorProto().ParseFromString(good + bad)) << bad;
  }
}

}  // namespace
}  // namespace tributary
