// Words for the status codes.
#include "tm_status.h"

const char *tm_status_text(tm_status status) {
  switch (status) {
    case TM_OK: return "ok";
    case TM_ERR_ARGUMENT: return "argument";
    case TM_ERR_MEMORY: return "memory";
    case TM_ERR_SPACE: return "space";
    case TM_ERR_TRUNCATED: return "truncated";
    case TM_ERR_MALFORMED: return "malformed";
    case TM_ERR_VERSION: return "version";
    case TM_ERR_UNSUPPORTED: return "unsupported";
    case TM_ERR_NOT_FOUND: return "not-found";
    case TM_ERR_ACCESS: return "access";
    case TM_ERR_IO: return "io";
    case TM_ERR_DISK_FULL: return "disk-full";
    case TM_ERR_END: return "end";
    case TM_ERR_DUPLICATE: return "duplicate";
    case TM_ERR_CODEC: return "codec";
  }
  return "unknown";
}
