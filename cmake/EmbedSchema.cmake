# Turns the binary file IN into a C++ file OUT that defines proto/schema.h's array.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "#include \"proto/schema.h\"\nnamespace tpsweep::proto {\n"
  "const unsigned char kSchema[] = {${bytes}};\n"
  "const std::size_t kSchemaBytes = sizeof(kSchema);\n}\n")
