// RFC 3550 5.1: any octets; what is read is built again to the same octets, padding content aside.
#include "tm_fuzz.h"
#include "tm_rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tm_rtp_packet packet;
  tm_rtp_is_rtcp(data, size);
  if (tm_rtp_parse(data, size, &packet) != TM_OK) return 0;
  MUST(packet.payload >= data && packet.payload + packet.payload_bytes + packet.padding_bytes == data + size);
  uint8_t *out = malloc(size); // exactly as big, so that a write past it is seen
  MUST(out != NULL);
  size_t written = 0;
  MUST(tm_rtp_build(&packet, out, size, &written) == TM_OK);
  MUST(written == size);
  MUST(memcmp(out, data, size - packet.padding_bytes) == 0);
  MUST(tm_rtp_build(&packet, out, size - 1, &written) == TM_ERR_SPACE);
  free(out);
  return 0;
}
