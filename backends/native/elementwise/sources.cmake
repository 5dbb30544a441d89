list(APPEND NATIVE_SOURCES
  elementwise/Convert.cpp
  elementwise/Elementwise.cpp
  elementwise/ElementwiseFloat.cpp
  elementwise/ElementwiseInteger.cpp
  elementwise/ElementwiseQuantized.cpp
  elementwise/Magnitude.cpp
  elementwise/MathExp.cpp
  elementwise/MathTrig.cpp
  elementwise/MathHyperbolic.cpp
  elementwise/Numeric.cpp
  elementwise/QuantizeBytes.cpp
  elementwise/SplitReciprocal.cpp
  elementwise/TableBytes.cpp)
