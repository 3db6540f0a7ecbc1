// The reads of sql.h in PostgreSQL's words. What is written goes in bulk and stands
// where it is done (postgres_writer.cc).
#pragma once

#include "server/store/sql.h"

namespace tpsweep::server {

// Zero-terminated.
const char* PostgresText(Sql sql);

}  // namespace tpsweep::server
