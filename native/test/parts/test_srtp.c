// RFC 3711, 6188, 7714: packets of every suite octet by octet, rollover, replay, forgery, many SSRCs.
// The master keys are those of RFC 3711 B.3 and RFC 6188 7.2 and the counting ones of RFC 7714; the packets were computed by a program of
// its own (test/support/srtp.ts), which gives the session keys of B.3 and 7.2 octet by octet.
#include "tm_bytes.h"
#include "tm_srtp.h"
#include "tm_test.h"

#define KEY_128 "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6"
#define KEY_256 "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b63b04803de51ee7c96423ab5b78d2"
#define GCM_128 "000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab"
#define GCM_256 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fa0a1a2a3a4a5a6a7a8a9aaab"

// Version 2, PT 15, sequence 0x1234, timestamp, SSRC cafebabe; 16 octets ab.
#define RTP_HEADER "800f1234decafbadcafebabe"
#define RTP_PLAIN RTP_HEADER "abababababababababababababababab"
// SR by its type, with 16 octets that are no matter; SSRC cafebabe.
#define RTCP_HEADER "81c80005cafebabe"
#define RTCP_PLAIN RTCP_HEADER "abababababababababababababababab"

enum { SSRC = (int)0xcafebabe, CAPACITY = 2048 };

static const struct {
  const char *key;
  const char *rtp;    // behind its header, rollover counter 0
  const char *later;  // the same packet, rollover counter 1
  const char *rtcp;   // behind its header, index 1: ciphertext, E and index, tag (GCM: tag before the index)
} vectors[TM_SRTP_SUITES] = {
    [TM_SRTP_AES_CM_128_HMAC_SHA1_80] = {KEY_128, "4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
                                         "179265c8bf303e4c24e7279f739bb5a6f8b3916fd670057bf1dc",
                                         "7128035be487b9bdbef89041f977a5a88000000125aa8e0d303ee42c9ead"},
    [TM_SRTP_AES_CM_128_HMAC_SHA1_32] = {KEY_128, "4e55dc4ce79978d88ca4d215949d2402b78d6acc",
                                         "179265c8bf303e4c24e7279f739bb5a6f8b3916f",
                                         "7128035be487b9bdbef89041f977a5a88000000125aa8e0d303ee42c9ead"},
    [TM_SRTP_AES_256_CM_HMAC_SHA1_80] = {KEY_256, "f1d9de17ff251ff1aa007774b0b4b40da08d9d9a5b3a55d8873b",
                                         "b07fe476abe1d1f6b9cd5f488cc912e519bb0033e2aba642f88e",
                                         "b4d0e7a917d24b9faab9d3b6127b3ba68000000112e7a36f7b09359489ab"},
    [TM_SRTP_AES_256_CM_HMAC_SHA1_32] = {KEY_256, "f1d9de17ff251ff1aa007774b0b4b40da08d9d9a",
                                         "b07fe476abe1d1f6b9cd5f488cc912e519bb0033",
                                         "b4d0e7a917d24b9faab9d3b6127b3ba68000000112e7a36f7b09359489ab"},
    [TM_SRTP_AEAD_AES_128_GCM] = {GCM_128, "c5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
                                  "9d7216554fa1c04be92a1f15431a58935f44ef60e95321564f2a7b006782c1c0",
                                  "c98b8b5df0392a55852b6c21ac8e70255a62e2b2a5c3250dbbc7e399241c85c180000001"},
    [TM_SRTP_AEAD_AES_256_GCM] = {GCM_256, "0af7f21e8a90bdad7a425c9c31ed4bb1d90238917e7390a2793500e1681acaea",
                                  "cbda29cba7e3ecead864f9cd75cb802bc62b8931c88c66f47b29942296e411fb",
                                  "8abfafa780070a90e80f9161cf4aac08c11ff5a8c5baecdc51713dad4f471e8880000001"},
};

static size_t from_hex(const char *text, uint8_t *out)
{
  size_t count = strlen(text) / 2;
  for (size_t i = 0; i < count; i++) {
    char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
    out[i] = (uint8_t)strtoul(digits, NULL, 16);
  }
  return count;
}

static tm_srtp_policy policy_of(tm_srtp_suite suite)
{
  tm_srtp_policy policy = {.suite = suite};
  policy.key_octets = from_hex(vectors[suite].key, policy.key);
  return policy;
}

static tm_srtp *make(tm_srtp_suite suite, tm_srtp_direction direction, uint32_t ssrc)
{
  tm_srtp_policy policy = policy_of(suite);
  tm_srtp *srtp = NULL;
  return tm_srtp_create(&policy, direction, ssrc, &srtp) == TM_OK ? srtp : NULL;
}

static _Alignas(8) uint8_t packet[CAPACITY];

// An RTP packet of 20 ms of G.711 in `packet`.
static size_t write_rtp(uint32_t ssrc, uint16_t sequence)
{
  memset(packet, 0x55, 172);
  packet[0] = 0x80;
  packet[1] = 8;
  tm_put16(packet + 2, sequence);
  tm_put32(packet + 4, sequence * 160u);
  tm_put32(packet + 8, ssrc);
  return 172;
}

static void known_packets(tm_srtp_suite suite)
{
  uint8_t expected[CAPACITY];
  tm_srtp *out = make(suite, TM_SRTP_SEND, (uint32_t)SSRC), *in = make(suite, TM_SRTP_RECEIVE, 0);
  CHECK(out && in);
  size_t plain = from_hex(RTP_PLAIN, packet), octets = plain;
  size_t header = from_hex(RTP_HEADER, expected), whole = header + from_hex(vectors[suite].rtp, expected + header);
  CHECK_INT(tm_srtp_protect(out, packet, &octets, CAPACITY), TM_OK);
  CHECK_INT(octets, whole);
  CHECK_INT(whole - plain, tm_srtp_info_of(suite)->rtp_tag_octets);
  CHECK_BYTES(packet, expected, whole);
  CHECK_INT(tm_srtp_unprotect(in, packet, &octets), TM_OK);
  CHECK_INT(octets, plain);
  from_hex(RTP_PLAIN, expected);
  CHECK_BYTES(packet, expected, plain);

  plain = octets = from_hex(RTCP_PLAIN, packet);
  header = from_hex(RTCP_HEADER, expected);
  whole = header + from_hex(vectors[suite].rtcp, expected + header);
  CHECK_INT(tm_srtp_protect_rtcp(out, packet, &octets, CAPACITY), TM_OK);
  CHECK_INT(octets, whole);
  CHECK_INT(whole - plain, tm_srtp_info_of(suite)->rtcp_tag_octets + 4);
  CHECK_BYTES(packet, expected, whole);
  CHECK_INT(tm_srtp_unprotect_rtcp(in, packet, &octets), TM_OK);
  CHECK_INT(octets, plain);
  from_hex(RTCP_PLAIN, expected);
  CHECK_BYTES(packet, expected, plain);
  // Again: no longer wanted.
  octets = header + from_hex(vectors[suite].rtcp, packet + from_hex(RTCP_HEADER, packet));
  CHECK_INT(tm_srtp_unprotect_rtcp(in, packet, &octets), TM_ERR_DUPLICATE);
  tm_srtp_destroy(out);
  tm_srtp_destroy(in);
}

static void all_known_packets(void)
{
  for (int suite = 0; suite < TM_SRTP_SUITES; suite++) known_packets((tm_srtp_suite)suite);
}

// 70,000 packets with holes: the counter rolls over on both sides, and the packet after it is the known one.
static void rollover(void)
{
  for (int suite = 0; suite < TM_SRTP_SUITES; suite++) {
    uint8_t expected[CAPACITY];
    tm_srtp *out = make((tm_srtp_suite)suite, TM_SRTP_SEND, (uint32_t)SSRC), *in = make((tm_srtp_suite)suite, TM_SRTP_RECEIVE, 0);
    CHECK(out && in);
    for (uint32_t i = 0x1234; i < 0x11234; i++) {
      size_t octets = write_rtp((uint32_t)SSRC, (uint16_t)i);
      CHECK_INT(tm_srtp_protect(out, packet, &octets, CAPACITY), TM_OK);
      // A fifth is lost, and a minute of it at once around the rollover.
      if (i % 5 == 0 || (i > 0xfa00 && i < 0x10400)) continue;
      CHECK_INT(tm_srtp_unprotect(in, packet, &octets), TM_OK);
      CHECK_INT(octets, 172);
    }
    size_t octets = from_hex(RTP_PLAIN, packet), header = from_hex(RTP_HEADER, expected);
    from_hex(vectors[suite].later, expected + header);
    CHECK_INT(tm_srtp_protect(out, packet, &octets, CAPACITY), TM_OK);
    CHECK_BYTES(packet, expected, octets);
    CHECK_INT(tm_srtp_unprotect(in, packet, &octets), TM_OK);
    tm_srtp_destroy(out);
    tm_srtp_destroy(in);
  }
}

enum { KEPT = 300 };
static uint8_t kept[KEPT][CAPACITY];
static size_t kept_octets[KEPT];

static bool keep(tm_srtp_suite suite)
{
  tm_srtp *out = make(suite, TM_SRTP_SEND, 7);
  for (uint16_t i = 0; out && i < KEPT; i++) {
    kept_octets[i] = write_rtp(7, i);
    if (tm_srtp_protect(out, packet, &kept_octets[i], CAPACITY) != TM_OK) return false;
    memcpy(kept[i], packet, kept_octets[i]);
  }
  tm_srtp_destroy(out);
  return out != NULL;
}

static tm_status receive(tm_srtp *in, unsigned number)
{
  size_t octets = kept_octets[number];
  memcpy(packet, kept[number], octets);
  return tm_srtp_unprotect(in, packet, &octets);
}

static void replay(void)
{
  for (int suite = 0; suite < TM_SRTP_SUITES; suite++) {
    CHECK(keep((tm_srtp_suite)suite));
    tm_srtp *in = make((tm_srtp_suite)suite, TM_SRTP_RECEIVE, 0);
    CHECK(in != NULL);
    for (unsigned i = 0; i < 100; i++) CHECK_INT(receive(in, i), TM_OK);
    for (unsigned i = 0; i < 100; i++) CHECK_INT(receive(in, i), TM_ERR_DUPLICATE);
    // Late, but never seen: taken once while it is within the window, refused behind it.
    CHECK_INT(receive(in, 299), TM_OK);
    for (unsigned i = 299 - 64; i < 299; i++) CHECK_INT(receive(in, i), TM_OK);
    for (unsigned i = 299 - 64; i < 300; i++) CHECK_INT(receive(in, i), TM_ERR_DUPLICATE);
    CHECK_INT(receive(in, 150), TM_ERR_DUPLICATE);
    tm_srtp_destroy(in);
  }
}

static void forgery(void)
{
  for (int suite = 0; suite < TM_SRTP_SUITES; suite++) {
    CHECK(keep((tm_srtp_suite)suite));
    tm_srtp *in = make((tm_srtp_suite)suite, TM_SRTP_RECEIVE, 0);
    tm_srtp_policy other_policy = policy_of((tm_srtp_suite)suite);
    tm_srtp *other = NULL;
    other_policy.key[0] ^= 1;
    CHECK_INT(tm_srtp_create(&other_policy, TM_SRTP_RECEIVE, 0, &other), TM_OK);
    CHECK(in != NULL);
    // One bit anywhere.
    for (size_t at = 0; at < kept_octets[0]; at++) {
      size_t octets = kept_octets[0];
      memcpy(packet, kept[0], octets);
      packet[at] ^= (uint8_t)(1u << at % 8);
      CHECK(tm_srtp_unprotect(in, packet, &octets) != TM_OK);
    }
    // Cut off anywhere.
    for (size_t octets = 0; octets < kept_octets[0]; octets++) {
      size_t left = octets;
      memcpy(packet, kept[0], octets);
      CHECK(tm_srtp_unprotect(in, packet, &left) != TM_OK);
    }
    CHECK_INT(receive(other, 0), TM_ERR_ACCESS);
    // Not protected at all.
    size_t plain = write_rtp(7, 1);
    CHECK_INT(tm_srtp_unprotect(in, packet, &plain), TM_ERR_ACCESS);
    // Nothing of that did harm.
    CHECK_INT(receive(in, 0), TM_OK);
    tm_srtp_destroy(in);
    tm_srtp_destroy(other);
  }
}

static tm_status receive_from(tm_srtp *in, uint32_t ssrc, uint16_t sequence)
{
  tm_srtp *out = make(TM_SRTP_AES_CM_128_HMAC_SHA1_80, TM_SRTP_SEND, ssrc);
  size_t octets = write_rtp(ssrc, sequence);
  tm_status status = out ? tm_srtp_protect(out, packet, &octets, CAPACITY) : TM_ERR_MEMORY;
  tm_srtp_destroy(out);
  return status == TM_OK ? tm_srtp_unprotect(in, packet, &octets) : status;
}

static void sources(void)
{
  tm_srtp *in = make(TM_SRTP_AES_CM_128_HMAC_SHA1_80, TM_SRTP_RECEIVE, 0);
  CHECK(in != NULL);
  for (uint32_t ssrc = 1; ssrc <= TM_SRTP_MAX_SOURCES; ssrc++) {
    // What is not genuine takes no place.
    for (uint32_t noise = 0; noise < 50; noise++) {
      size_t octets = write_rtp(1000 * ssrc + noise, 1);
      CHECK_INT(tm_srtp_unprotect(in, packet, &octets), TM_ERR_ACCESS);
    }
    CHECK_INT(receive_from(in, ssrc, 1), TM_OK);
  }
  CHECK_INT(receive_from(in, 99, 1), TM_ERR_SPACE);
  CHECK_INT(receive_from(in, 3, 1), TM_ERR_DUPLICATE);
  CHECK_INT(receive_from(in, 3, 2), TM_OK);
  tm_srtp_destroy(in);
}

// The peer announced an MKI (as 34.229-1 prints one): 4 octets before the tag of SRTP, GCM: behind it.
static void master_key_identifier(void)
{
  for (int suite = 0; suite < TM_SRTP_SUITES; suite++) {
    bool gcm = suite >= TM_SRTP_AEAD_AES_128_GCM;
    tm_srtp_policy policy = policy_of((tm_srtp_suite)suite);
    tm_srtp *in = NULL;
    policy.mki_octets = 4;
    policy.mki[3] = 1;
    CHECK_INT(tm_srtp_create(&policy, TM_SRTP_SEND, 7, &in), TM_ERR_ARGUMENT);
    CHECK_INT(tm_srtp_create(&policy, TM_SRTP_RECEIVE, 0, &in), TM_OK);
    CHECK(keep((tm_srtp_suite)suite));
    size_t tag = gcm ? 0 : tm_srtp_info_of((tm_srtp_suite)suite)->rtp_tag_octets, octets = kept_octets[0] + 4, at = kept_octets[0] - tag;
    memcpy(packet, kept[0], at);
    memcpy(packet + at, policy.mki, 4);
    memcpy(packet + at + 4, kept[0] + at, tag);
    packet[at + 3] = 2;
    CHECK_INT(tm_srtp_unprotect(in, packet, &octets), TM_ERR_ACCESS);
    packet[at + 3] = 1;
    octets = kept_octets[0] + 4;
    CHECK_INT(tm_srtp_unprotect(in, packet, &octets), TM_OK);
    CHECK_INT(octets, 172);
    CHECK_INT(receive(in, 1), TM_ERR_ACCESS);
    tm_srtp_destroy(in);
  }
}

static void refused(void)
{
  tm_srtp *srtp = NULL;
  tm_srtp_policy policy = policy_of(TM_SRTP_AEAD_AES_128_GCM), same = policy;
  CHECK(tm_srtp_same(&policy, &same));
  same.key[27] ^= 0x80;
  CHECK(!tm_srtp_same(&policy, &same));
  policy.key_octets--;
  CHECK_INT(tm_srtp_create(&policy, TM_SRTP_SEND, 1, &srtp), TM_ERR_ARGUMENT);
  policy.suite = TM_SRTP_SUITES;
  CHECK_INT(tm_srtp_create(&policy, TM_SRTP_SEND, 1, &srtp), TM_ERR_ARGUMENT);
  CHECK(tm_srtp_info_of(TM_SRTP_SUITES) == NULL);
  srtp = make(TM_SRTP_AES_CM_128_HMAC_SHA1_80, TM_SRTP_SEND, 7);
  CHECK(srtp != NULL);
  size_t octets = write_rtp(7, 1);
  CHECK_INT(tm_srtp_protect(srtp, packet, &octets, octets + TM_SRTP_TRAILER - 1), TM_ERR_SPACE);
  CHECK_INT(tm_srtp_protect(srtp, packet, &octets, 100), TM_ERR_SPACE);
  CHECK_INT(tm_srtp_protect(srtp, packet, &octets, octets + TM_SRTP_TRAILER), TM_OK);
  octets = 11;
  CHECK_INT(tm_srtp_protect(srtp, packet, &octets, CAPACITY), TM_ERR_MALFORMED);
  octets = 7;
  CHECK_INT(tm_srtp_protect_rtcp(srtp, packet, &octets, CAPACITY), TM_ERR_MALFORMED);
  // An SSRC that the key was not made for: nothing leaves.
  octets = write_rtp(8, 1);
  CHECK_INT(tm_srtp_protect(srtp, packet, &octets, CAPACITY), TM_ERR_CODEC);
  // CSRCs or an extension that reach beyond the packet.
  octets = write_rtp(7, 2);
  packet[0] = 0x8f;
  octets = 20;
  CHECK(tm_srtp_protect(srtp, packet, &octets, CAPACITY) != TM_OK);
  tm_srtp_destroy(srtp);
  tm_srtp_destroy(NULL);
}

int main(void)
{
  tm_test_run("known packets of every suite, there and back", all_known_packets);
  tm_test_run("the sequence number rolls over, with losses", rollover);
  tm_test_run("a replayed packet is refused, a late one taken", replay);
  tm_test_run("changed, cut off, of another key, not protected: refused", forgery);
  tm_test_run("SSRCs come and go, up to a number", sources);
  tm_test_run("the MKI that a peer announced", master_key_identifier);
  tm_test_run("what is refused", refused);
  return tm_test_end();
}
