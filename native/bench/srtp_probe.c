// One RTP packet of 160 octets protected and opened: through tm_srtp, by libsrtp2 alone, and (WITH_OPENSSL) by the bare primitives of
// OpenSSL with their keys set up before. Prints a line of JSON each: nanoseconds, median of the rounds.
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tm_bytes.h"
#include "tm_srtp.h"

#ifdef WITH_OPENSSL
#include <openssl/evp.h>
#include <openssl/hmac.h>
#endif

enum { ROUNDS = 21, PACKETS = 2000, HEADER = 12, PAYLOAD = 160, CAPACITY = 512, SSRC = 0x01020304 };

static _Alignas(16) uint8_t packets[PACKETS][CAPACITY];
static size_t lengths[PACKETS];

static double now_ns(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print(const char *what, const char *suite, const char *way, double *rounds)
{
  qsort(rounds, ROUNDS, sizeof *rounds, by_value);
  printf("{\"what\":\"%s\",\"suite\":\"%s\",\"way\":\"%s\",\"ns\":%.1f}\n", what, suite, way, rounds[ROUNDS / 2]);
}

static uint16_t sequence;

static void fill(void)
{
  for (size_t i = 0; i < PACKETS; i++) {
    memset(packets[i], 0xd5, HEADER + PAYLOAD);
    packets[i][0] = 0x80;
    packets[i][1] = 8;
    tm_put16(packets[i] + 2, sequence++);
    tm_put32(packets[i] + 8, SSRC);
    lengths[i] = HEADER + PAYLOAD;
  }
}

static void must(int good)
{
  if (!good) abort();
}

static void ours(const tm_srtp_policy *policy)
{
  double there[ROUNDS], back[ROUNDS];
  tm_srtp *out = NULL, *in = NULL;
  must(tm_srtp_create(policy, TM_SRTP_SEND, SSRC, &out) == TM_OK && tm_srtp_create(policy, TM_SRTP_RECEIVE, 0, &in) == TM_OK);
  sequence = 0;
  for (int round = 0; round < ROUNDS; round++) {
    fill();
    double start = now_ns();
    for (size_t i = 0; i < PACKETS; i++) must(tm_srtp_protect(out, packets[i], &lengths[i], CAPACITY) == TM_OK);
    there[round] = (now_ns() - start) / PACKETS;
    start = now_ns();
    for (size_t i = 0; i < PACKETS; i++) must(tm_srtp_unprotect(in, packets[i], &lengths[i]) == TM_OK);
    back[round] = (now_ns() - start) / PACKETS;
  }
  print("tm_srtp", tm_srtp_info_of(policy->suite)->name, "protect", there);
  print("tm_srtp", tm_srtp_info_of(policy->suite)->name, "open", back);
  tm_srtp_destroy(out);
  tm_srtp_destroy(in);
}

static void alone(const tm_srtp_policy *policy)
{
  double there[ROUNDS], back[ROUNDS];
  uint8_t key[SRTP_MAX_KEY_LEN] = {0};
  memcpy(key, policy->key, policy->key_octets);
  srtp_policy_t wanted = {.ssrc = {.type = ssrc_specific, .value = SSRC}, .key = key, .window_size = TM_SRTP_REPLAY_WINDOW};
  void (*set)(srtp_crypto_policy_t *) = policy->suite == TM_SRTP_AEAD_AES_128_GCM ? srtp_crypto_policy_set_aes_gcm_128_16_auth
                                                                                 : srtp_crypto_policy_set_rtp_default;
  srtp_t out, in;
  set(&wanted.rtp);
  set(&wanted.rtcp);
  must(srtp_create(&out, &wanted) == srtp_err_status_ok && srtp_create(&in, &wanted) == srtp_err_status_ok);
  sequence = 0;
  for (int round = 0; round < ROUNDS; round++) {
    int length[PACKETS];
    fill();
    for (size_t i = 0; i < PACKETS; i++) length[i] = HEADER + PAYLOAD;
    double start = now_ns();
    for (size_t i = 0; i < PACKETS; i++) must(srtp_protect(out, packets[i], &length[i]) == srtp_err_status_ok);
    there[round] = (now_ns() - start) / PACKETS;
    start = now_ns();
    for (size_t i = 0; i < PACKETS; i++) must(srtp_unprotect(in, packets[i], &length[i]) == srtp_err_status_ok);
    back[round] = (now_ns() - start) / PACKETS;
  }
  print("libsrtp2", tm_srtp_info_of(policy->suite)->name, "protect", there);
  print("libsrtp2", tm_srtp_info_of(policy->suite)->name, "open", back);
  srtp_dealloc(out);
  srtp_dealloc(in);
}

#ifdef WITH_OPENSSL
// The work of one packet and no bookkeeping: counter mode and HMAC-SHA1, or GCM.
static void bare(const tm_srtp_policy *policy)
{
  bool gcm = policy->suite == TM_SRTP_AEAD_AES_128_GCM;
  double rounds[ROUNDS];
  uint8_t iv[16] = {0}, tag[EVP_MAX_MD_SIZE];
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
  EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
  EVP_MAC_CTX *mac = EVP_MAC_CTX_new(algorithm);
  char sha1[] = "SHA1";
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", sha1, 0), OSSL_PARAM_construct_end()};
  must(EVP_EncryptInit_ex(cipher, gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), NULL, policy->key, iv));
  must(EVP_MAC_init(mac, policy->key, 20, parameters));
  for (int round = 0; round < ROUNDS; round++) {
    fill();
    double start = now_ns();
    for (size_t i = 0; i < PACKETS; i++) {
      int length = 0;
      size_t octets = 0;
      memcpy(iv + 4, packets[i] + 2, 2);
      must(EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, iv));
      if (gcm) must(EVP_EncryptUpdate(cipher, NULL, &length, packets[i], HEADER));
      must(EVP_EncryptUpdate(cipher, packets[i] + HEADER, &length, packets[i] + HEADER, PAYLOAD));
      if (gcm) {
        must(EVP_EncryptFinal_ex(cipher, tag, &length));
        must(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, packets[i] + HEADER + PAYLOAD));
        continue;
      }
      must(EVP_MAC_init(mac, NULL, 0, NULL) && EVP_MAC_update(mac, packets[i], HEADER + PAYLOAD) &&
           EVP_MAC_update(mac, iv, 4) && EVP_MAC_final(mac, tag, &octets, sizeof tag));
      memcpy(packets[i] + HEADER + PAYLOAD, tag, 10);
    }
    rounds[round] = (now_ns() - start) / PACKETS;
  }
  print("OpenSSL", tm_srtp_info_of(policy->suite)->name, "protect", rounds);
  EVP_MAC_CTX_free(mac);
  EVP_MAC_free(algorithm);
  EVP_CIPHER_CTX_free(cipher);
}
#endif

int main(void)
{
  static const tm_srtp_suite suites[] = {TM_SRTP_AES_CM_128_HMAC_SHA1_80, TM_SRTP_AEAD_AES_128_GCM};
  for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
    const tm_srtp_suite_info *info = tm_srtp_info_of(suites[i]);
    tm_srtp_policy policy = {.suite = suites[i], .key_octets = info->key_octets + info->salt_octets};
    for (size_t k = 0; k < policy.key_octets; k++) policy.key[k] = (uint8_t)(k + 1);
    ours(&policy);
    alone(&policy);
#ifdef WITH_OPENSSL
    bare(&policy);
#endif
  }
  return 0;
}
