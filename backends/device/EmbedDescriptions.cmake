# Writes the descriptions and the schema as a C++ file.
#   cmake -DOUTPUT=... -DSCHEMA=device.fbs -DDESCRIPTIONS="a.json;b.json" -P EmbedDescriptions.cmake
file(READ ${SCHEMA} schema)
set(text "#include \"backends/device/Descriptions.h\"\n\nnamespace edgecc::device {\n\n")
string(APPEND text "const char *const kDeviceSchema = R\"__(${schema})__\";\n\n")
string(APPEND text "static const Description kAll[] = {\n")
foreach(file ${DESCRIPTIONS})
  file(READ ${file} json)
  get_filename_component(name ${file} NAME_WE)
  string(APPEND text "{\"${name}\", R\"__(${json})__\"},\n")
endforeach()
string(APPEND text "};\nconst std::span<const Description> kDescriptions = kAll;\n\n} // namespace edgecc::device\n")
file(WRITE ${OUTPUT} "${text}")
