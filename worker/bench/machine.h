// What one core of this machine can do at the most, measured.
#pragma once

namespace tpsweep {

// Multiply-adds a second (two floating-point operations each) in numbers of type S, float
// or double, with the trainer's widest vectors. Takes about 10 ms.
template <class S>
double MeasureMultiplyAdds();

// Bytes a second, read and written, of copies that do not fit any cache. Takes about 0.5 s.
double MeasureCopyRate();

}  // namespace tpsweep
