// What the engine's tests share.
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "net.h"
#include "tm_level.h"
#include "tm_wav.h"

enum { PEER_OCTETS = 4 << 20 };  // that wait for the peer

tm_engine *support_engine(void)
{
  tm_error error;
  tm_engine_options options = {.realtime = true};
  return tm_engine_create(&options, &error);
}

uint32_t support_open(tm_engine *engine, tm_endpoint capture, tm_endpoint playback)
{
  tm_error error = {.status = TM_ENGINE_OK};
  uint32_t id = 0;
  tm_stream_options options = {.address = "127.0.0.1", .capture = capture, .playback = playback};
  if (tm_stream_open(engine, &options, &id, &error) == TM_ENGINE_OK) return id;
  printf("# open: %s\n", error.text);
  return 0;
}

tm_endpoint support_tone(double hertz)
{
  return (tm_endpoint){.kind = TM_ENDPOINT_TONE, .hertz = hertz};
}

tm_endpoint support_file(const char *path)
{
  return (tm_endpoint){.kind = TM_ENDPOINT_FILE, .name = path};
}

tm_endpoint support_null(void)
{
  return (tm_endpoint){.kind = TM_ENDPOINT_NULL};
}

tm_endpoint support_device(const char *name)
{
  return (tm_endpoint){.kind = TM_ENDPOINT_DEVICE, .name = name};
}

tm_stream_config support_config(tm_codec_name codec, uint16_t port)
{
  static const uint8_t types[] = {[TM_CODEC_NAME_PCMU] = 0, [TM_CODEC_NAME_PCMA] = 8, [TM_CODEC_NAME_AMR_WB] = 96,
                                  [TM_CODEC_NAME_AMR] = 97,  [TM_CODEC_NAME_G722] = 9, [TM_CODEC_NAME_OPUS] = 98};
  tm_stream_config config = {.remote_address = "127.0.0.1",
                             .remote_port = port,
                             .codec = codec,
                             .payload_type = types[codec],
                             .receive_payload_type = types[codec],
                             .dtmf_payload_type = -1,
                             .dtmf_receive_payload_type = -1,
                             .ptime_ms = 20,
                             .send = true,
                             .receive = true,
                             .rtcp_receivers_bps = 2000};
  snprintf(config.cname, sizeof config.cname, "test@localhost");
  return config;
}

void support_sleep(int ms)
{
  struct timespec span = tm_timespec(ms * TM_NS_PER_MS);
  clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
}

bool support_event(tm_engine *engine, tm_event_kind kind, tm_event *event, int ms)
{
  for (int64_t end = tm_now_ns() + ms * TM_NS_PER_MS; tm_now_ns() < end;) {
    if (!tm_engine_next_event(engine, event)) support_sleep(2);
    else if (event->kind == kind) return true;
  }
  return false;
}

void support_path(char *path, const char *what)
{
  static unsigned count;
  const char *folder = getenv("TMPDIR");
  snprintf(path, SUPPORT_PATH, "%s/tm-%d-%u-%s", folder ? folder : "/tmp", (int)getpid(), count++, what);
}

double support_level(const char *path, double hertz, unsigned ms, unsigned skip_ms)
{
  tm_wav_reader *reader = NULL;
  double level = -200.0;
  if (tm_wav_open(path, false, &reader) != TM_OK) return level;
  size_t length = (size_t)tm_wav_length(reader), read = 0, count = tm_wav_rate(reader) / 1000 * ms;
  size_t skip = tm_wav_rate(reader) / 1000 * skip_ms;
  int16_t *pcm = malloc((length + 1) * sizeof *pcm);
  if (pcm && length >= count + skip && tm_wav_read(reader, pcm, length, &read) == TM_OK)
    level = tm_level_at_dbov(pcm + length - skip - count, count, hertz, tm_wav_rate(reader));
  free(pcm);
  tm_wav_reader_close(reader);
  return level;
}

bool support_peer_open(support_peer *peer)
{
  tm_address local;
  tm_socket_pair pair;
  int on = 1, octets = PEER_OCTETS;
  if (tm_address_parse("127.0.0.1", 0, &local) != 0 || tm_socket_pair_open(&local, 0, 0, 0, &pair) != 0) return false;
  *peer = (support_peer){.rtp = pair.rtp, .rtcp = pair.rtcp, .port = pair.port};
  // Nothing is to be lost while the test is kept from reading; more than the host's limit is root's to have.
  if (setsockopt(peer->rtp, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets) != 0)
    (void)setsockopt(peer->rtp, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
  return setsockopt(peer->rtp, IPPROTO_IP, IP_RECVTOS, &on, sizeof on) == 0;
}

void support_peer_close(support_peer *peer)
{
  close(peer->rtp);
  close(peer->rtcp);
}

static bool receive(support_peer *peer, int fd, int ms)
{
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  if (poll(&waiting, 1, ms) != 1) return false;
  _Alignas(struct cmsghdr) char control[64];
  struct iovec part = {.iov_base = peer->data, .iov_len = sizeof peer->data};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(fd, &message, 0);
  peer->arrival_ns = tm_now_ns();
  if (got < 0) return false;
  peer->octets = (size_t)got;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS) peer->traffic_class = *CMSG_DATA(header);
  return true;
}

bool support_peer_rtp(support_peer *peer, tm_rtp_packet *packet, int ms)
{
  return receive(peer, peer->rtp, ms) && tm_rtp_parse(peer->data, peer->octets, packet) == TM_OK;
}

bool support_peer_rtcp(support_peer *peer, int ms)
{
  return receive(peer, peer->rtcp, ms);
}

bool support_peer_send(int fd, uint16_t port, const void *data, size_t octets)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return sendto(fd, data, octets, 0, (const struct sockaddr *)(const void *)&to, sizeof to) == (ssize_t)octets;
}
