// The Text and Audio dashboards over a real index.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/serve/plugins/text.h"
#include "tensorboard/event.pb.h"
#include "tensorboard/plugins/audio.pb.h"
#include "tests/collector/serve/serve_fixture.h"

namespace tributary::serve {
namespace {

using ::testing::HasSubstr;

tensorboard::TensorProto Strings(const std::vector<int64_t>& shape,
                                 const std::vector<std::string>& strings) {
  tensorboard::TensorProto tensor;
  tensor.set_dtype(tensorboard::DT_STRING);
  for (const int64_t size : shape) tensor.mutable_tensor_shape()->add_dim()->set_size(size);
  for (const std::string& text : strings) tensor.add_string_val(text);
  return tensor;
}

tensorboard::Event TensorEvent(const std::string& plugin, const std::string& tag, int64_t step,
                               const tensorboard::TensorProto& tensor,
                               const std::string& content = "") {
  tensorboard::Event event;
  event.set_step(step);
  event.set_wall_time(EventFileBuilder::kWall);
  auto* value = event.mutable_summary()->add_value();
  value->set_tag(tag);
  value->mutable_metadata()->mutable_plugin_data()->set_plugin_name(plugin);
  value->mutable_metadata()->mutable_plugin_data()->set_content(content);
  *value->mutable_tensor() = tensor;
  return event;
}

TEST(TextTensorTest, RanksAreLaidOutAsTables) {
  EXPECT_EQ(*TextTensorHtml(Strings({}, {"*a*"}), true), "<p><em>a</em></p>");
  EXPECT_EQ(*TextTensorHtml(Strings({}, {"*a*<b>"}), false), "*a*&lt;b&gt;");
  EXPECT_EQ(*TextTensorHtml(Strings({2}, {"a", "b"}), true),
            "<table>\n<tbody>\n<tr>\n<td><p>a</p></td>\n</tr>\n<tr>\n<td><p>b</p></td>\n</tr>\n"
            "</tbody>\n</table>");
  EXPECT_EQ(*TextTensorHtml(Strings({1, 2}, {"a", "b"}), false),
            "<table>\n<tbody>\n<tr>\n<td>a</td>\n<td>b</td>\n</tr>\n</tbody>\n</table>");
  const std::string cube = *TextTensorHtml(Strings({2, 1, 1}, {"first", "second"}), true);
  EXPECT_THAT(cube, HasSubstr("<strong>Warning:</strong> This text summary contained data of "
                              "dimensionality 3"));
  EXPECT_THAT(cube, HasSubstr("first"));
  EXPECT_THAT(cube, Not(HasSubstr("second")));
  EXPECT_EQ(*TextTensorHtml(Strings({0}, {}), true), "<table>\n<tbody>\n</tbody>\n</table>");
}

TEST(TextTensorTest, NullsVanishAndAreTold) {
  EXPECT_EQ(*TextTensorHtml(Strings({}, {std::string("a\0b", 3)}), true),
            "<!-- WARNING: discarded 1 null bytes in markdown string after UTF-8 decoding -->\n"
            "<p>ab</p>");
}

TEST(TextTensorTest, Malicious_ShapesAreChecked) {
  EXPECT_FALSE(TextTensorHtml(Strings({2}, {"a", "b", "c"}), true).ok());
  EXPECT_FALSE(TextTensorHtml(Strings({-1}, {"a"}), true).ok());
  EXPECT_FALSE(TextTensorHtml(Strings({1 << 30, 1 << 30}, {"a"}), true).ok());
  EXPECT_FALSE(TextTensorHtml(Strings({}, {}), true).ok());
  EXPECT_FALSE(TextTensorHtml(Strings({0}, {"a"}), true).ok());
  tensorboard::TensorProto numbers;
  numbers.set_dtype(tensorboard::DT_FLOAT);
  numbers.add_float_val(1);
  EXPECT_FALSE(TextTensorHtml(numbers, true).ok());
}

TEST(TextTensorTest, Malicious_OneStringForManyCellsIsCut) {
  const std::string html = *TextTensorHtml(Strings({1 << 20}, {std::string(10'000, 'x')}), true);
  EXPECT_LT(html.size(), 17u << 20);
  EXPECT_THAT(html,
              testing::EndsWith(
                  "</tbody>\n</table><p><strong>Cut: this is too long to be shown.</strong></p>"));
}

class TextAudioTest : public ServeTest {};

TEST_F(TextAudioTest, TextsAreListedAndRead) {
  AddFile(
      "a",
      EventFileBuilder().FileVersion().Text("t", Step(1), "# Head").Text("t", Step(2), "<script>"));
  EXPECT_EQ(Json("/data/plugin/text/tags"), R"({"a":["t"]})");
  EXPECT_THAT(Json("/data/plugins_listing"),
              HasSubstr(R"("text":{"disable_reload":false,"enabled":true)"));
  const auto texts = ParseJson(Json("/data/plugin/text/text?run=a&tag=t"));
  ASSERT_EQ(texts->values.size(), 2u);
  EXPECT_THAT(texts->values[0].Find("text")->text, HasSubstr("<td><h1>Head</h1></td>"));
  EXPECT_THAT(texts->values[1].Find("text")->text, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(Json("/data/plugin/text/text?run=a&tag=t&markdown=false"), HasSubstr("# Head"));
}

TEST_F(TextAudioTest, NoSuchTextIsAnEmptyAnswer) {
  AddFile("a", EventFileBuilder().FileVersion().Scalar("s", Step(1), 1));
  EXPECT_EQ(Json("/data/plugin/text/text?run=a&tag=s"), "[]");
  EXPECT_EQ(Json("/data/plugin/text/text?run=b&tag=t"), "[]");
  EXPECT_EQ(Get("/data/plugin/text/text?run=a").status, 400);
  EXPECT_THAT(Json("/data/plugins_listing"),
              HasSubstr(R"("text":{"disable_reload":false,"enabled":false)"));
}

TEST_F(TextAudioTest, ClipsAreListedWithTheirTypeAndRead) {
  tensorboard::AudioPluginData wav;
  wav.set_encoding(tensorboard::AudioPluginData::WAV);
  AddFile("a", EventFileBuilder().FileVersion().Event(
                   TensorEvent("audio", "c", 3, Strings({2, 2}, {"RIFF1", "", "RIFF2", ""}),
                               wav.SerializeAsString())));
  EXPECT_THAT(Json("/data/plugin/audio/tags"), HasSubstr(R"("samples":2)"));
  const auto clips = ParseJson(Json("/data/plugin/audio/audio?run=a&tag=c&sample=1"));
  ASSERT_EQ(clips->values.size(), 1u);
  EXPECT_EQ(clips->values[0].Find("contentType")->text, "audio/wav");
  const http::Response clip = Get(
      absl::StrCat("/data/plugin/audio/individualAudio?", clips->values[0].Find("query")->text));
  EXPECT_EQ(clip.status, 200);
  EXPECT_EQ(clip.content_type, "audio/wav");
  EXPECT_EQ(clip.body, "RIFF2");
  EXPECT_EQ(Json("/data/plugin/audio/audio?run=a&tag=c&sample=2"), "[]");
}

TEST_F(TextAudioTest, Malicious_AClipIsNeverAPage) {
  AddFile("a", EventFileBuilder().FileVersion().Event(
                   TensorEvent("audio", "c", 3, Strings({1, 2}, {"<script>", ""}))));
  const auto clips = ParseJson(Json("/data/plugin/audio/audio?run=a&tag=c"));
  const std::string query = clips->values[0].Find("query")->text;
  const std::string key = query.substr(0, query.find('&'));
  for (const char* type : {"text/html", "image/svg+xml", "", "audio/mpeg"}) {
    EXPECT_EQ(Get(absl::StrCat("/data/plugin/audio/individualAudio?", key, "&content_type=", type))
                  .status,
              400)
        << type;
  }
  EXPECT_EQ(Get("/data/plugin/audio/individualAudio?content_type=audio/wav").status, 400);
  EXPECT_EQ(Get("/data/plugin/audio/individualAudio?content_type=audio/wav&blob_key=!").status,
            400);
  EXPECT_EQ(Get("/data/plugin/audio/audio?run=a&tag=c&sample=-1").status, 400);
  EXPECT_EQ(Get("/data/plugin/audio/audio?run=a&tag=x").status, 404);
}

}  // namespace
}  // namespace tributary::serve
