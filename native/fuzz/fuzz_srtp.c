// RFC 3711: any octets as SRTP and SRTCP under any suite; a genuine packet with some octets changed is never taken, the untouched one is.
#include "tm_fuzz.h"
#include "tm_srtp.h"

enum { CAPACITY = 2048, CONTROL_OCTETS = 6 };

static tm_srtp *context(tm_srtp_suite suite, tm_srtp_direction direction, bool mki)
{
  const tm_srtp_suite_info *info = tm_srtp_info_of(suite);
  tm_srtp_policy policy = {.suite = suite, .key_octets = info->key_octets + info->salt_octets, .mki_octets = mki ? 4 : 0};
  tm_srtp *srtp = NULL;
  for (size_t i = 0; i < policy.key_octets; i++) policy.key[i] = (uint8_t)(i * 7 + 1);
  MUST(tm_srtp_create(&policy, direction, 0x01020304, &srtp) == TM_OK);
  return srtp;
}

// What is no packet of ours is refused, within its bounds, and may be tried any number of times.
static void strange(tm_srtp_suite suite, bool mki, const uint8_t *data, size_t size)
{
  _Alignas(8) uint8_t packet[CAPACITY];
  tm_srtp *in = context(suite, TM_SRTP_RECEIVE, mki);
  for (int rtcp = 0; rtcp < 2; rtcp++) {
    size_t octets = size;
    memcpy(packet, data, size);
    tm_status status = rtcp ? tm_srtp_unprotect_rtcp(in, packet, &octets) : tm_srtp_unprotect(in, packet, &octets);
    MUST(status != TM_OK && octets == size);
  }
  tm_srtp_destroy(in);
}

// The data as payload, protected; one octet changed by control; then as it was.
static void changed(tm_srtp_suite suite, const uint8_t *control, const uint8_t *data, size_t size)
{
  _Alignas(8) uint8_t genuine[CAPACITY], packet[CAPACITY];
  tm_srtp *out = context(suite, TM_SRTP_SEND, false), *in = context(suite, TM_SRTP_RECEIVE, false);
  const uint8_t header[12] = {0x80, 8, control[1], control[2], 0, 0, 0, 1, 1, 2, 3, 4};
  size_t plain = sizeof header + size, octets = plain;
  memcpy(genuine, header, sizeof header);
  memcpy(genuine + sizeof header, data, size);
  MUST(tm_srtp_protect(out, genuine, &octets, CAPACITY) == TM_OK);
  size_t whole = octets, at = ((size_t)control[3] << 8 | control[4]) % whole;
  memcpy(packet, genuine, whole);
  packet[at] ^= control[5] ? control[5] : 1;
  MUST(tm_srtp_unprotect(in, packet, &octets) != TM_OK);
  octets = whole;
  memcpy(packet, genuine, whole);
  MUST(tm_srtp_unprotect(in, packet, &octets) == TM_OK && octets == plain);
  MUST(size == 0 || memcmp(packet + sizeof header, data, size) == 0);
  octets = whole;
  memcpy(packet, genuine, whole);
  MUST(tm_srtp_unprotect(in, packet, &octets) == TM_ERR_DUPLICATE);
  tm_srtp_destroy(out);
  tm_srtp_destroy(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < CONTROL_OCTETS || size > CAPACITY - TM_SRTP_TRAILER - 12) return 0;
  tm_srtp_suite suite = (tm_srtp_suite)(data[0] % TM_SRTP_SUITES);
  strange(suite, data[0] >= 128, data + CONTROL_OCTETS, size - CONTROL_OCTETS);
  changed(suite, data, data + CONTROL_OCTETS, size - CONTROL_OCTETS);
  return 0;
}
