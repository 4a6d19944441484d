// Any text: what the parser accepts can be written again, and reads back as the
// same text.
#include "qopt/IO/Json.h"
#include "Fuzz.h"

using namespace qopt;

static void write(JsonWriter &writer, JsonValue value) {
  switch (value.kind()) {
  case JsonKind::Null:
    writer.null();
    return;
  case JsonKind::Bool:
    writer.value(value.asBool().value());
    return;
  case JsonKind::Int:
    writer.value(value.asInt().value());
    return;
  case JsonKind::Unsigned:
    writer.value(value.asUnsigned().value());
    return;
  case JsonKind::Double:
    writer.value(value.asDouble().value());
    return;
  case JsonKind::String:
    writer.value(value.asString().value());
    return;
  case JsonKind::Array:
    writer.beginArray();
    for (size_t i = 0; i < value.size(); ++i)
      write(writer, value[i]);
    writer.endArray();
    return;
  case JsonKind::Object:
    writer.beginObject();
    for (size_t i = 0; i < value.size(); ++i) {
      writer.key(value.key(i));
      write(writer, value[i]);
    }
    writer.endObject();
    return;
  }
}

/// Every typed getter either answers or returns an error that can be printed.
static void ask(JsonValue value) {
  (void)value.asBool();
  (void)value.asInt();
  (void)value.asUnsigned();
  (void)value.asDouble();
  (void)value.asString();
  (void)value.getArray("a");
  (void)value.getUnsigned("a", 7);
  (void)value.path();
  for (size_t i = 0; i < value.size() && i < 8; ++i)
    ask(value[i]);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto document = JsonDocument::parse(fuzz::text(data, size), "fuzz.json");
  if (!document) {
    fuzz::require(document.error().kind == ErrorKind::BadInput,
                  "a text that is refused is bad input");
    return 0;
  }
  ask(document->root());
  JsonWriter once;
  write(once, document->root());
  auto again = JsonDocument::parse(once.text(), "again.json");
  fuzz::require(again.has_value(), "the parser reads what the writer writes");
  JsonWriter twice(2);
  write(twice, again->root());
  auto indented = JsonDocument::parse(twice.text(), "indented.json");
  fuzz::require(indented.has_value(), "the parser reads indented text");
  JsonWriter thrice;
  write(thrice, indented->root());
  fuzz::require(thrice.text() == once.text(), "writing does not change values");
  return 0;
}
