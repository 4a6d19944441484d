# cmake -D OUTPUT=FILE -D "INPUTS=FILE;..." -P EmbedText.cmake
# writes the files as a list of C++ string literals.
set(text "")
foreach(input IN LISTS INPUTS)
  file(READ ${input} content)
  string(APPEND text "R\"qopt(${content})qopt\",\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")
