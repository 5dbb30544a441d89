list(APPEND NATIVE_SOURCES
  contraction/Convert.cpp
  contraction/Depthwise.cpp
  contraction/Direct.cpp
  contraction/Epilogue.cpp
  contraction/Gather.cpp
  contraction/MicroKernel.cpp
  contraction/Narrow.cpp
  contraction/Operands.cpp
  contraction/Pack.cpp
  contraction/PlanContraction.cpp
  contraction/PlanConv.cpp
  contraction/PlanMatMul.cpp
  contraction/PlanDepthwise.cpp
  contraction/Product.cpp
  contraction/Schedule.cpp
  contraction/Staging.cpp
  contraction/Tiling.cpp)
