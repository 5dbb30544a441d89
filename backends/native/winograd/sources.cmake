list(APPEND NATIVE_SOURCES
  winograd/CookToom.cpp
  winograd/Cost.cpp
  winograd/InputTransform.cpp
  winograd/Kernels.cpp
  winograd/OutputTransform.cpp
  winograd/Pack.cpp
  winograd/Plan.cpp
  winograd/Products.cpp
  winograd/Transform.cpp)
