// A study as `ls`, `show` and `submit` print it in JSON.
#pragma once

#include "client/output.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::client {

// Name, state, counts and times; the spec apart.
Json StudyJson(const v1::Study& study);

// A spec with the names of its .proto fields.
Json SpecJson(const v1::StudySpec& spec);

// {succeeded: 7, ...}
Json CountsJson(const v1::RunCounts& counts);

}  // namespace tpsweep::client
