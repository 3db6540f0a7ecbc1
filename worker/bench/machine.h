// What one core of this machine does at the most, measured.
#pragma once

namespace tpsweep {

// Multiply-adds a second (two floating-point operations each) in numbers of type S, float
// or double, with the trainer's widest vectors: the mean over about 10 ms, in which others
// may have had their share of the machine too.
template <class S>
double MeasureMultiplyAdds();

// Bytes a second, read and written, of copies that do not fit any cache. Takes about 0.5 s.
double MeasureCopyRate();

}  // namespace tpsweep
