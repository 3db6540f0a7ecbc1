// The compiled schema (a serialized google.protobuf.FileDescriptorSet with
// comments) of study.proto and all that it imports.
#pragma once

#include <cstddef>

namespace tpsweep::proto {

extern const unsigned char kSchema[];
extern const std::size_t kSchemaBytes;

}  // namespace tpsweep::proto
