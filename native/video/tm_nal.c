// H.264 Annex B and 7.3.1: NAL units found and their headers read.
#include "tm_nal.h"

#include <string.h>

enum {
  START_ZEROS = 2, // of the start code 00 00 01
  START_BYTES = 3,
  FORBIDDEN_BIT = 0x80,
  REF_IDC_SHIFT = 5,
  REF_IDC_MASK = 3,
  TYPE_MASK = 0x1F,
};

// The one octet 01 is rare, so that memchr passes over the rest at the speed of memory.
const uint8_t *tm_nal_find_start(const uint8_t *at, const uint8_t *end) {
  if (end - at < START_BYTES) return end;
  const uint8_t *one = at + START_ZEROS;
  while (one < end && (one = memchr(one, 1, (size_t)(end - one))) != NULL) {
    if (one[-1] == 0 && one[-2] == 0) return one - START_ZEROS;
    one++;
  }
  return end;
}

void tm_nal_scan(tm_nal_scanner *scanner, const uint8_t *data, size_t bytes) {
  scanner->end = data + bytes;
  scanner->at = tm_nal_find_start(data, scanner->end);
}

tm_status tm_nal_next(tm_nal_scanner *scanner, tm_nal *nal) {
  while (scanner->at != scanner->end) {
    const uint8_t *first = scanner->at + START_BYTES;
    const uint8_t *next = tm_nal_find_start(first, scanner->end);
    scanner->at = next;
    const uint8_t *last = next;
    while (last > first && last[-1] == 0) last--; // trailing_zero_8bits, and the zero of a 4-octet start code
    if (last == first) continue;
    nal->data = first;
    nal->bytes = (size_t)(last - first);
    nal->ref_idc = first[0] >> REF_IDC_SHIFT & REF_IDC_MASK;
    nal->type = first[0] & TYPE_MASK;
    return TM_OK;
  }
  return TM_ERR_END;
}

tm_status tm_nal_header(const uint8_t *data, size_t bytes, tm_nal *nal) {
  if (bytes == 0) return TM_ERR_TRUNCATED;
  *nal = (tm_nal){.data = data, .bytes = bytes, .ref_idc = data[0] >> REF_IDC_SHIFT & REF_IDC_MASK, .type = data[0] & TYPE_MASK};
  return (data[0] & FORBIDDEN_BIT) != 0 ? TM_ERR_MALFORMED : TM_OK;
}
