module { "abc\
