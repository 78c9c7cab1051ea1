// RFC 4867: the first octet chooses family and format, the rest is a payload. What is read is packed and read again
// to the same frames.
#include "tm_amr_payload.h"
#include "tm_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const tm_amr_family *family = (data[0] & 1) != 0 ? &TM_AMR_NB : &TM_AMR_WB;
  bool aligned = (data[0] & 2) != 0;
  tm_frame frames[TM_FRAMES_PER_PACKET];
  size_t count = 0;
  uint8_t cmr = 0;
  if (tm_amr_unpack(family, aligned, data + 1, size - 1, &cmr, frames, TM_FRAMES_PER_PACKET, &count) != TM_OK) {
    MUST(count == 0);
    return 0;
  }
  MUST(count >= 1 && count <= TM_FRAMES_PER_PACKET && cmr <= TM_AMR_CMR_NONE);
  if (count > TM_AMR_MAX_FRAMES) return 0;
  uint8_t *out = malloc(size); // never longer than what was read
  MUST(out != NULL);
  size_t written = 0;
  MUST(tm_amr_pack(family, aligned, cmr, frames, count, out, size - 1, &written) == TM_OK);
  tm_frame again[TM_AMR_MAX_FRAMES];
  size_t again_count = 0;
  uint8_t again_cmr = 0;
  MUST(tm_amr_unpack(family, aligned, out, written, &again_cmr, again, TM_AMR_MAX_FRAMES, &again_count) == TM_OK);
  MUST(again_count == count && again_cmr == cmr);
  for (size_t i = 0; i < count; i++) {
    MUST(again[i].kind == frames[i].kind && again[i].type == frames[i].type && again[i].bytes == frames[i].bytes);
    MUST(memcmp(again[i].data, frames[i].data, frames[i].bytes) == 0);
  }
  free(out);
  return 0;
}
