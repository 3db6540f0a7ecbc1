// The allocator of programs that train: jemalloc, which takes all its memory in pages of 2 MiB. The
// matrices of a run are much larger together than what the processor knows the pages of, and in
// float64 a twentieth of the time of a step went into looking these up.
//
// Few arenas: each takes pages of its own, and training allocates next to nothing.
extern "C" {
extern const char* malloc_conf;  // jemalloc's own name
const char* malloc_conf = "thp:always,narenas:4";
}
