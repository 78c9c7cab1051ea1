// What the engine's tests share: an engine with streams, a plain UDP peer that sees every packet, a look into a WAV file.
#ifndef TM_TEST_SUPPORT_H
#define TM_TEST_SUPPORT_H

#include "engine.h"
#include "tm_rtcp.h"
#include "tm_rtp.h"

enum { SUPPORT_DATAGRAM = 2048, SUPPORT_PATH = 128 };

/** Engine without notify: tests ask for events. NULL only when the host has no threads left. */
tm_engine *support_engine(void);

/** Opens on 127.0.0.1 with any ports. 0 when that failed. */
uint32_t support_open(tm_engine *engine, tm_endpoint capture, tm_endpoint playback);

tm_endpoint support_tone(double hertz);
tm_endpoint support_file(const char *path);
tm_endpoint support_null(void);
tm_endpoint support_device(const char *name);

/** Both directions, no DTMF, 20 ms, to `port` on 127.0.0.1. */
tm_stream_config support_config(tm_codec_name codec, uint16_t port);

/** Waits up to `ms` for an event of `kind`; others are thrown away. */
bool support_event(tm_engine *engine, tm_event_kind kind, tm_event *event, int ms);
void support_sleep(int ms);

/** A fresh name in TMPDIR; unlink it yourself. */
void support_path(char *path, const char *what);

/** Level in dBov of `hertz` in the last `ms` of a WAV file that ends `skip_ms` before the end; -200: no such file. */
double support_level(const char *path, double hertz, unsigned ms, unsigned skip_ms);

/** A peer: a pair of sockets on 127.0.0.1. */
typedef struct {
  int rtp, rtcp;
  uint16_t port;
  _Alignas(8) uint8_t data[SUPPORT_DATAGRAM];
  size_t octets;
  int64_t arrival_ns;
  int traffic_class;
} support_peer;

bool support_peer_open(support_peer *peer);
void support_peer_close(support_peer *peer);
/** Next RTP packet within `ms`; false: none. */
bool support_peer_rtp(support_peer *peer, tm_rtp_packet *packet, int ms);
/** Next RTCP datagram into peer->data within `ms`. */
bool support_peer_rtcp(support_peer *peer, int ms);
bool support_peer_send(int fd, uint16_t port, const void *data, size_t octets);

#endif
