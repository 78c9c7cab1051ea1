// RFC 4733: events in any order; every begin has its end, one at a time.
#include "tm_dtmf.h"
#include "tm_fuzz.h"

// A record: 2 octets of time passed, 4 of timestamp, 1 of length, then the payload.
enum { RECORD_HEADER = 7 };

static void follow(const tm_dtmf_change *change, int *down) {
  MUST(change->code <= 15);
  *down += change->ended ? -1 : 1;
  MUST(*down == 0 || *down == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tm_dtmf_receiver receiver;
  tm_dtmf_change changes[TM_DTMF_MAX_RECEIVED];
  int down = 0;
  uint64_t now = 0;
  tm_dtmf_receiver_init(&receiver, 8000);
  while (size >= RECORD_HEADER) {
    now += ((uint64_t)data[0] << 8 | data[1]) * 200;
    uint32_t timestamp = (uint32_t)data[2] << 24 | (uint32_t)data[3] << 16 | (uint32_t)data[4] << 8 | data[5];
    size_t bytes = data[6] % 64;
    data += RECORD_HEADER;
    size -= RECORD_HEADER;
    if (bytes > size) bytes = size;
    if (tm_dtmf_receiver_tick(&receiver, now, changes)) follow(changes, &down);
    size_t count = 0;
    if (tm_dtmf_receive(&receiver, timestamp, data, bytes, now, changes, &count) == TM_OK) {
      MUST(count <= TM_DTMF_MAX_RECEIVED);
      for (size_t i = 0; i < count; i++) follow(&changes[i], &down);
    }
    data += bytes;
    size -= bytes;
  }
  if (tm_dtmf_receiver_tick(&receiver, now + 1000000, changes)) follow(changes, &down);
  MUST(down == 0);
  return 0;
}
