// RFC 3711: SRTP by libsrtp2, with every length checked before it and every SSRC counted.
#include "tm_srtp.h"

#include <pthread.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

#include "tm_bytes.h"

enum {
  RTP_HEADER_OCTETS = 12,
  RTCP_HEADER_OCTETS = 8,
  SRTCP_INDEX_OCTETS = 4,
  SSRC_OFFSET = 8,
  RTCP_SSRC_OFFSET = 4,
};

_Static_assert(TM_SRTP_TRAILER >= SRTP_MAX_TRAILER_LEN, "what the library may write");

static const struct {
  tm_srtp_suite_info info;
  void (*rtp)(srtp_crypto_policy_t *policy);
  void (*rtcp)(srtp_crypto_policy_t *policy);
} suites[TM_SRTP_SUITES] = {
    [TM_SRTP_AES_CM_128_HMAC_SHA1_80] = {{"AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10, "RFC 4568 6.2.1"},
                                         srtp_crypto_policy_set_rtp_default,
                                         srtp_crypto_policy_set_rtcp_default},
    [TM_SRTP_AES_CM_128_HMAC_SHA1_32] = {{"AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10, "RFC 4568 6.2.2"},
                                         srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
                                         srtp_crypto_policy_set_rtcp_default},
    [TM_SRTP_AES_256_CM_HMAC_SHA1_80] = {{"AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10, "RFC 6188 4"},
                                         srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
                                         srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
    [TM_SRTP_AES_256_CM_HMAC_SHA1_32] = {{"AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10, "RFC 6188 4"},
                                         srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
                                         srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80},
    [TM_SRTP_AEAD_AES_128_GCM] = {{"AEAD_AES_128_GCM", 16, 12, 16, 16, "RFC 7714 14.2"},
                                  srtp_crypto_policy_set_aes_gcm_128_16_auth,
                                  srtp_crypto_policy_set_aes_gcm_128_16_auth},
    [TM_SRTP_AEAD_AES_256_GCM] = {{"AEAD_AES_256_GCM", 32, 12, 16, 16, "RFC 7714 14.2"},
                                  srtp_crypto_policy_set_aes_gcm_256_16_auth,
                                  srtp_crypto_policy_set_aes_gcm_256_16_auth},
};

struct tm_srtp {
  srtp_t session;
  const tm_srtp_suite_info *info;
  size_t mki_octets;
  uint32_t sources[TM_SRTP_MAX_SOURCES];  // that were found genuine
  size_t source_count;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static srtp_err_status_t initialised;

// The library's self tests and tables; they stay until the process ends.
static void initialise(void)
{
  initialised = srtp_init();
}

const tm_srtp_suite_info *tm_srtp_info_of(tm_srtp_suite suite)
{
  return (size_t)suite < TM_SRTP_SUITES ? &suites[suite].info : NULL;
}

bool tm_srtp_suite_named(const char *name, tm_srtp_suite *suite)
{
  for (int i = 0; i < TM_SRTP_SUITES; i++) {
    if (strcmp(suites[i].info.name, name) != 0) continue;
    *suite = (tm_srtp_suite)i;
    return true;
  }
  return false;
}

bool tm_srtp_same(const tm_srtp_policy *a, const tm_srtp_policy *b)
{
  uint8_t difference = 0;
  if (a->suite != b->suite || a->key_octets != b->key_octets || a->mki_octets != b->mki_octets) return false;
  if (memcmp(a->mki, b->mki, a->mki_octets) != 0) return false;
  for (size_t i = 0; i < a->key_octets; i++) difference |= (uint8_t)(a->key[i] ^ b->key[i]);
  return difference == 0;
}

tm_status tm_srtp_create(const tm_srtp_policy *policy, tm_srtp_direction direction, uint32_t ssrc, tm_srtp **out)
{
  const tm_srtp_suite_info *info = tm_srtp_info_of(policy->suite);
  if (!info || policy->key_octets != info->key_octets + info->salt_octets) return TM_ERR_ARGUMENT;
  if (policy->mki_octets > (direction == TM_SRTP_RECEIVE ? (size_t)TM_SRTP_MAX_MKI : 0)) return TM_ERR_ARGUMENT;
  (void)pthread_once(&once, initialise);
  if (initialised != srtp_err_status_ok) return TM_ERR_UNSUPPORTED;
  uint8_t key[SRTP_MAX_KEY_LEN] = {0}, mki[TM_SRTP_MAX_MKI];
  memcpy(key, policy->key, policy->key_octets);
  memcpy(mki, policy->mki, sizeof mki);
  srtp_master_key_t master = {.key = key, .mki_id = mki, .mki_size = (unsigned)policy->mki_octets}, *masters[] = {&master};
  srtp_policy_t wanted = {.ssrc = {.type = direction == TM_SRTP_SEND ? ssrc_specific : ssrc_any_inbound, .value = ssrc},
                          .key = key,
                          .window_size = TM_SRTP_REPLAY_WINDOW,
                          // Answering a NACK: the very same packet once more (RFC 3711 3.3.2 is for receivers).
                          .allow_repeat_tx = direction == TM_SRTP_SEND};
  if (policy->mki_octets > 0) {
    wanted.key = NULL;
    wanted.keys = masters;
    wanted.num_master_keys = 1;
  }
  suites[policy->suite].rtp(&wanted.rtp);
  suites[policy->suite].rtcp(&wanted.rtcp);
  tm_srtp *srtp = calloc(1, sizeof *srtp);
  srtp_err_status_t status = srtp ? srtp_create(&srtp->session, &wanted) : srtp_err_status_alloc_fail;
  explicit_bzero(key, sizeof key);
  if (status != srtp_err_status_ok) {
    free(srtp);
    return status == srtp_err_status_alloc_fail ? TM_ERR_MEMORY : TM_ERR_UNSUPPORTED;
  }
  srtp->info = info;
  srtp->mki_octets = policy->mki_octets;
  *out = srtp;
  return TM_OK;
}

void tm_srtp_destroy(tm_srtp *srtp)
{
  if (!srtp) return;
  (void)srtp_dealloc(srtp->session);
  free(srtp);
}

typedef srtp_err_status_t transform(srtp_t session, void *packet, int *octets);

static tm_status protect(tm_srtp *srtp, transform *by, size_t header, uint8_t *packet, size_t *octets, size_t capacity)
{
  if (*octets < header) return TM_ERR_MALFORMED;
  if (capacity < TM_SRTP_TRAILER || *octets > capacity - TM_SRTP_TRAILER || *octets > INT16_MAX) return TM_ERR_SPACE;
  int length = (int)*octets;
  srtp_err_status_t status = by(srtp->session, packet, &length);
  if (status == srtp_err_status_bad_param || status == srtp_err_status_parse_err) return TM_ERR_MALFORMED;
  if (status != srtp_err_status_ok) return TM_ERR_CODEC;
  *octets = (size_t)length;
  return TM_OK;
}

tm_status tm_srtp_protect(tm_srtp *srtp, uint8_t *packet, size_t *octets, size_t capacity)
{
  return protect(srtp, srtp_protect, RTP_HEADER_OCTETS, packet, octets, capacity);
}

tm_status tm_srtp_protect_rtcp(tm_srtp *srtp, uint8_t *packet, size_t *octets, size_t capacity)
{
  return protect(srtp, srtp_protect_rtcp, RTCP_HEADER_OCTETS, packet, octets, capacity);
}

static bool is_known(const tm_srtp *srtp, uint32_t ssrc)
{
  for (size_t i = 0; i < srtp->source_count; i++)
    if (srtp->sources[i] == ssrc) return true;
  return false;
}

typedef srtp_err_status_t inverse(srtp_t session, void *packet, int *octets, unsigned use_mki);

static tm_status unprotect(tm_srtp *srtp, inverse *by, uint32_t ssrc, uint8_t *packet, size_t *octets)
{
  bool known = is_known(srtp, ssrc);
  if (*octets > INT16_MAX || (!known && srtp->source_count == TM_SRTP_MAX_SOURCES)) return TM_ERR_SPACE;
  int length = (int)*octets;
  srtp_err_status_t status = by(srtp->session, packet, &length, srtp->mki_octets > 0);
  if (status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old) return TM_ERR_DUPLICATE;
  if (status == srtp_err_status_bad_param || status == srtp_err_status_parse_err) return TM_ERR_TRUNCATED;
  if (status != srtp_err_status_ok || length < 0) return TM_ERR_ACCESS;
  if (!known) srtp->sources[srtp->source_count++] = ssrc;
  *octets = (size_t)length;
  return TM_OK;
}

tm_status tm_srtp_unprotect(tm_srtp *srtp, uint8_t *packet, size_t *octets)
{
  if (*octets < RTP_HEADER_OCTETS + srtp->mki_octets + srtp->info->rtp_tag_octets) return TM_ERR_TRUNCATED;
  return unprotect(srtp, srtp_unprotect_mki, tm_get32(packet + SSRC_OFFSET), packet, octets);
}

tm_status tm_srtp_unprotect_rtcp(tm_srtp *srtp, uint8_t *packet, size_t *octets)
{
  if (*octets < RTCP_HEADER_OCTETS + SRTCP_INDEX_OCTETS + srtp->mki_octets + srtp->info->rtcp_tag_octets) return TM_ERR_TRUNCATED;
  return unprotect(srtp, srtp_unprotect_rtcp_mki, tm_get32(packet + RTCP_SSRC_OFFSET), packet, octets);
}
