// RFC 3711, 6188, 7714: SRTP and SRTCP of one direction of one stream, by libsrtp2. Used from one thread at a time; created and destroyed
// outside of real-time threads.
//
// Allocation: ours are all done by tm_srtp_create. The library makes one small context for each new SSRC, after the SSRC's first packet was
// found genuine and at most TM_SRTP_MAX_SOURCES times a key; and where it was built upon NSS, as in Debian, it allocates in each packet.
#ifndef TM_SRTP_H
#define TM_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tm_status.h"

/** The names of RFC 4568 6.2, RFC 6188 and RFC 7714 14.2; tm_srtp_suite_info tells what they mean. */
typedef enum {
  TM_SRTP_AES_CM_128_HMAC_SHA1_80,
  TM_SRTP_AES_CM_128_HMAC_SHA1_32,
  TM_SRTP_AES_256_CM_HMAC_SHA1_80,
  TM_SRTP_AES_256_CM_HMAC_SHA1_32,
  TM_SRTP_AEAD_AES_128_GCM,
  TM_SRTP_AEAD_AES_256_GCM,
  TM_SRTP_SUITES,
} tm_srtp_suite;

enum {
  TM_SRTP_MAX_MKI = 128,
  TM_SRTP_MAX_KEY = 46,       // octets of key and salt
  TM_SRTP_TRAILER = 144,      // the library may write this far behind a packet
  TM_SRTP_REPLAY_WINDOW = 128,  // packets; RFC 3711 3.3.2 wants 64 at least
  TM_SRTP_MAX_SOURCES = 16,   // SSRCs under one key
};

typedef struct {
  const char *name;
  size_t key_octets, salt_octets;
  size_t rtp_tag_octets, rtcp_tag_octets;  // RFC 4568 6.2.2: the short tag is for SRTP only
  const char *clause;
} tm_srtp_suite_info;

typedef enum { TM_SRTP_SEND, TM_SRTP_RECEIVE } tm_srtp_direction;

typedef struct {
  tm_srtp_suite suite;
  uint8_t key[TM_SRTP_MAX_KEY];  // key, then salt
  size_t key_octets;             // of both
  uint8_t mki[TM_SRTP_MAX_MKI];  // receiving: what stands behind each packet of the peer (RFC 4568 6.1); we never send one
  size_t mki_octets;             // 0: none
} tm_srtp_policy;

typedef struct tm_srtp tm_srtp;

/// NULL for a number that is no suite.
const tm_srtp_suite_info *tm_srtp_info_of(tm_srtp_suite suite);

/// The suite of that name; false when there is none.
bool tm_srtp_suite_named(const char *name, tm_srtp_suite *suite);

/// `ssrc`: of what is sent; receiving takes any. ARGUMENT (suite, length of the key), UNSUPPORTED (the library was built without it), MEMORY.
tm_status tm_srtp_create(const tm_srtp_policy *policy, tm_srtp_direction direction, uint32_t ssrc, tm_srtp **out);
/// Overwrites the keys. NULL is nothing. Not in a real-time thread.
void tm_srtp_destroy(tm_srtp *srtp);
/// Same suite, key and MKI, compared in constant time.
bool tm_srtp_same(const tm_srtp_policy *a, const tm_srtp_policy *b);

/// In place; `packet` aligned to 4. SPACE when less than TM_SRTP_TRAILER is left behind it, MALFORMED for what is no RTP (RTCP), else CODEC;
/// nothing of the packet may leave then. A sequence number that was used may be used again for the very same packet only.
tm_status tm_srtp_protect(tm_srtp *srtp, uint8_t *packet, size_t *octets, size_t capacity);
tm_status tm_srtp_protect_rtcp(tm_srtp *srtp, uint8_t *packet, size_t *octets, size_t capacity);

/// In place; `packet` aligned to 4, undefined after an error. TRUNCATED; ACCESS: not made with this key; DUPLICATE: genuine perhaps, but seen
/// before or too old; SPACE: more SSRCs than there may be.
tm_status tm_srtp_unprotect(tm_srtp *srtp, uint8_t *packet, size_t *octets);
tm_status tm_srtp_unprotect_rtcp(tm_srtp *srtp, uint8_t *packet, size_t *octets);

#endif
