// One translation unit, so that one bitcode file an architecture holds everything.
#include "Array.c"
#include "Math.c"
#include "Sample.c"
#include "Select.c"
#include "Transform.c"
