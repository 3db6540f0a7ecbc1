# Turns the files of the folder IN and of its folder spaces into a C++ file OUT that
# defines what presets/presets.h declares.
function(embed function folder)
  file(GLOB files ${folder}/*.yaml)
  list(SORT files)
  string(APPEND code "absl::Span<const File> ${function}() {\n  static constexpr File kFiles[] = {\n")
  foreach(file ${files})
    get_filename_component(name ${file} NAME_WLE)
    file(READ ${file} text)
    string(APPEND code "{\"${name}\", R\"preset(${text})preset\"},\n")
  endforeach()
  string(APPEND code "  };\n  return kFiles;\n}\n")
  set(code "${code}" PARENT_SCOPE)
endfunction()

set(code "#include \"presets/presets.h\"\nnamespace tpsweep::presets {\n")
embed(Presets ${IN})
embed(Spaces ${IN}/spaces)
file(WRITE ${OUT} "${code}}\n")
