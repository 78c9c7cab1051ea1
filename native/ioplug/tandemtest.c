// Test-only ALSA ioplug: a loopback sound card without hardware. What is played on a cable is captured from it, paced by
// a timerfd at the nominal rate times (1 + skew), with faults injected through files (see README.md).
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
  CABLE_FRAMES = 1 << 16,  // ring of one cable; a power of two
  MAX_CHANNELS = 8,
  MAX_CABLES = 8,
  NAME_OCTETS = 32,
  PATH_OCTETS = 256,
  NS_PER_S = 1000000000,
  MIN_PERIOD_FRAMES = 32,
  MAX_BUFFER_FRAMES = 16384,
  BEEP_MS = 20,
  BEEP_PERIOD_SAMPLES = 16,  // 1 kHz at 16 kHz
  LOUD = 4000,
};

// One cable: positions count frames since the cable was made, in the time of the simulated card.
struct cable {
  char name[NAME_OCTETS];
  int16_t samples[CABLE_FRAMES];  // mono; channels are summed in and copied out
  pthread_mutex_t lock;
};

static struct cable cables[MAX_CABLES];
static pthread_mutex_t cables_lock = PTHREAD_MUTEX_INITIALIZER;

// A sample in memory: little endian, so that its upper 16 bits are the last two octets (U8: one, around 128).
struct layout {
  const char *name;
  snd_pcm_format_t alsa;
  unsigned octets;
};

static const struct layout layouts[] = {
    {"S16", SND_PCM_FORMAT_S16_LE, 2},
    {"S32", SND_PCM_FORMAT_S32_LE, 4},
    {"S24_3LE", SND_PCM_FORMAT_S24_3LE, 3},
    {"U8", SND_PCM_FORMAT_U8, 1},
};

static int load(const struct layout *layout, const unsigned char *at)
{
  if (layout->octets == 1) return (at[0] - 128) * 256;
  return (int16_t)(at[layout->octets - 2] | at[layout->octets - 1] << 8);
}

static void store(const struct layout *layout, unsigned char *at, int sample)
{
  memset(at, 0, layout->octets);
  if (layout->octets == 1) {
    at[0] = (unsigned char)(sample / 256 + 128);
    return;
  }
  at[layout->octets - 2] = (unsigned char)sample;
  at[layout->octets - 1] = (unsigned char)((uint16_t)sample >> 8);
}

struct plug {
  snd_pcm_ioplug_t io;
  struct cable *cable;
  char faults[PATH_OCTETS];
  double skew;  // relative: 0.0001 is 100 ppm fast
  double delay_ms;  // capture: what is played is heard so much later, as across a room
  long beep_ms;     // capture: a short tone at every multiple of this in monotonic time, in place of the cable
  FILE *ear;        // playback: how long after the last beep each loud sound began, a line each, in milliseconds
  int64_t loud_ns;  // when the ear last heard something
  const struct layout *layout;
  int timer;
  bool running;
  int64_t started_ns;       // monotonic
  bool placed;              // start_position is set
  uint64_t start_position;  // cable position of the first frame
  uint64_t transferred;     // frames the application has moved since it was prepared
};

static int64_t now_ns(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct cable *cable_named(const char *name)
{
  struct cable *found = NULL;
  pthread_mutex_lock(&cables_lock);
  for (int i = 0; i < MAX_CABLES && !found; i++) {
    if (cables[i].name[0] == '\0') {
      snprintf(cables[i].name, sizeof cables[i].name, "%s", name);
      pthread_mutex_init(&cables[i].lock, NULL);
    }
    if (strcmp(cables[i].name, name) == 0) found = &cables[i];
  }
  pthread_mutex_unlock(&cables_lock);
  return found;
}

// True when the fault's file is there; a one-shot fault takes its file away.
static bool fault(const struct plug *plug, const char *kind, bool once)
{
  char path[PATH_OCTETS + 2 * NAME_OCTETS];
  if (plug->faults[0] == '\0') return false;
  snprintf(path, sizeof path, "%s/%s.%s", plug->faults, plug->cable->name, kind);
  if (access(path, F_OK) != 0) return false;
  return once ? unlink(path) == 0 : true;
}

// Frames the simulated card has moved since start.
static uint64_t elapsed_frames(const struct plug *plug)
{
  double seconds = (double)(now_ns() - plug->started_ns) / NS_PER_S;
  return (uint64_t)(seconds * plug->io.rate * (1.0 + plug->skew));
}

// The card's own time in frames: the same for both ends of a cable with equal rate and skew. A frame is written before
// its time and captured after it, so the two ends never race for a sample.
static uint64_t cable_now(const struct plug *plug)
{
  return (uint64_t)((double)now_ns() / NS_PER_S * plug->io.rate * (1.0 + plug->skew));
}

static void place(struct plug *plug)
{
  if (!plug->placed) plug->start_position = cable_now(plug);
  plug->placed = true;
}

static int arm(struct plug *plug)
{
  int64_t period = (int64_t)((double)plug->io.period_size / plug->io.rate / (1.0 + plug->skew) * NS_PER_S);
  struct itimerspec spec = {
      .it_interval = {.tv_sec = period / NS_PER_S, .tv_nsec = period % NS_PER_S},
      .it_value = {.tv_sec = period / NS_PER_S, .tv_nsec = period % NS_PER_S},
  };
  return timerfd_settime(plug->timer, 0, &spec, NULL) == 0 ? 0 : -errno;
}

static int plug_start(snd_pcm_ioplug_t *io)
{
  struct plug *plug = io->private_data;
  plug->started_ns = now_ns();
  place(plug);
  plug->running = true;
  return arm(plug);
}

static int plug_stop(snd_pcm_ioplug_t *io)
{
  struct plug *plug = io->private_data;
  struct itimerspec off = {0};
  plug->running = false;
  return timerfd_settime(plug->timer, 0, &off, NULL) == 0 ? 0 : -errno;
}

static int plug_prepare(snd_pcm_ioplug_t *io)
{
  struct plug *plug = io->private_data;
  plug->transferred = 0;
  plug->placed = false;
  plug->running = false;
  return fault(plug, "unplug", false) ? -ENODEV : 0;
}

static snd_pcm_sframes_t plug_pointer(snd_pcm_ioplug_t *io)
{
  struct plug *plug = io->private_data;
  if (fault(plug, "unplug", false)) return -ENODEV;
  if (fault(plug, "xrun", true)) return -EPIPE;
  if (!plug->running) return 0;
  // A negative answer would be taken for an xrun by alsa-lib: suspend is told by the state alone.
  if (fault(plug, "suspend", true)) snd_pcm_ioplug_set_state(io, SND_PCM_STATE_SUSPENDED);
  uint64_t hw = elapsed_frames(plug);
  // More than a buffer behind (or ahead of what was written): overrun or underrun.
  uint64_t limit = io->stream == SND_PCM_STREAM_PLAYBACK ? plug->transferred : plug->transferred + io->buffer_size;
  if (hw > limit) return -EPIPE;
  return (snd_pcm_sframes_t)(hw % io->buffer_size);
}

// The tone of the mouth at a position of the cable.
static int16_t beep(const struct plug *plug, uint64_t position)
{
  uint64_t within = position % (uint64_t)(plug->beep_ms * (long)plug->io.rate / 1000);
  if (within >= (uint64_t)(BEEP_MS * plug->io.rate / 1000)) return 0;
  return within % BEEP_PERIOD_SAMPLES < BEEP_PERIOD_SAMPLES / 2 ? 10000 : -10000;
}

// Notes a frame that is heard at its own time, however early it was written.
static void listen(struct plug *plug, uint64_t index, int sample)
{
  if (!plug->running || (sample < LOUD && sample > -LOUD)) return;
  int64_t heard = plug->started_ns + (int64_t)((double)index / plug->io.rate / (1.0 + plug->skew) * NS_PER_S);
  int64_t every = plug->beep_ms * (NS_PER_S / 1000);
  if (heard - plug->loud_ns > every / 4) {
    fprintf(plug->ear, "%.3f\n", (double)(heard % every) / (NS_PER_S / 1000));
    fflush(plug->ear);
  }
  plug->loud_ns = heard;
}

static snd_pcm_sframes_t plug_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                       snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
  struct plug *plug = io->private_data;
  struct cable *cable = plug->cable;
  bool playback = io->stream == SND_PCM_STREAM_PLAYBACK;
  place(plug);
  uint64_t late = playback ? 0 : (uint64_t)(plug->delay_ms / 1000.0 * io->rate);
  uint64_t position = plug->start_position + plug->transferred - late;
  pthread_mutex_lock(&cable->lock);
  for (snd_pcm_uframes_t i = 0; i < size; i++) {
    int16_t *slot = &cable->samples[(position + i) & (CABLE_FRAMES - 1)];
    int sum = 0;
    for (unsigned c = 0; c < io->channels; c++) {
      const snd_pcm_channel_area_t *area = &areas[c];
      unsigned char *at = (unsigned char *)area->addr + (area->first + area->step * (offset + i)) / 8;
      if (playback) sum += load(plug->layout, at);
      else store(plug->layout, at, plug->beep_ms ? beep(plug, position + i) : *slot);
    }
    if (playback && plug->ear) listen(plug, plug->transferred + i, sum / (int)io->channels);
    if (playback) *slot = (int16_t)(sum / (int)io->channels);
    else *slot = 0;  // heard once: a stopped player leaves silence, not an echo
  }
  pthread_mutex_unlock(&cable->lock);
  plug->transferred += size;
  return (snd_pcm_sframes_t)size;
}

static int plug_poll_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned count, unsigned short *revents)
{
  struct plug *plug = io->private_data;
  uint64_t expirations;
  if (count != 1) return -EINVAL;
  *revents = 0;
  if (fds[0].revents & POLLIN) {
    if (read(plug->timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) return -errno;
    *revents = io->stream == SND_PCM_STREAM_PLAYBACK ? POLLOUT : POLLIN;
  }
  return 0;
}

static int plug_resume(snd_pcm_ioplug_t *io)
{
  return plug_prepare(io);
}

static int discard(struct plug *plug, int err)
{
  if (plug->ear) fclose(plug->ear);
  free(plug);
  return err;
}

static int plug_close(snd_pcm_ioplug_t *io)
{
  struct plug *plug = io->private_data;
  close(plug->timer);
  return discard(plug, 0);
}

static const snd_pcm_ioplug_callback_t callbacks = {
    .start = plug_start,
    .stop = plug_stop,
    .pointer = plug_pointer,
    .transfer = plug_transfer,
    .close = plug_close,
    .prepare = plug_prepare,
    .resume = plug_resume,
    .poll_revents = plug_poll_revents,
};

static int constrain(struct plug *plug, long rate, long channels)
{
  static const unsigned accesses[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
  const unsigned formats[] = {(unsigned)plug->layout->alsa};
  snd_pcm_ioplug_t *io = &plug->io;
  unsigned frame = (unsigned)channels * plug->layout->octets;
  int err = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 2, accesses);
  if (err >= 0) err = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, formats);
  if (err >= 0)
    err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, (unsigned)channels, (unsigned)channels);
  if (err >= 0) err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, (unsigned)rate, (unsigned)rate);
  if (err >= 0)
    err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, MIN_PERIOD_FRAMES * frame,
                                          MAX_BUFFER_FRAMES / 2 * frame);
  if (err >= 0)
    err = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 2 * MIN_PERIOD_FRAMES * frame,
                                          MAX_BUFFER_FRAMES * frame);
  return err;
}

// 1, or an error and the plug is gone.
static int plug_open(snd_pcm_t **pcmp, const char *name, snd_pcm_stream_t stream, int mode, struct plug *plug,
                     long rate, long channels)
{
  if (fault(plug, "unplug", false)) return discard(plug, -ENODEV);
  if (fault(plug, "busy", false)) return discard(plug, -EBUSY);
  plug->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (plug->timer < 0) return discard(plug, -errno);
  plug->io.version = SND_PCM_IOPLUG_VERSION;
  plug->io.name = "Tandem test loopback";
  plug->io.callback = &callbacks;
  plug->io.private_data = plug;
  plug->io.poll_fd = plug->timer;
  plug->io.poll_events = POLLIN;
  plug->io.mmap_rw = 0;
  int err = snd_pcm_ioplug_create(&plug->io, name, stream, mode);
  if (err < 0) {
    close(plug->timer);
    return discard(plug, err);
  }
  err = constrain(plug, rate, channels);
  if (err < 0) {
    snd_pcm_ioplug_delete(&plug->io);  // calls plug_close, which frees
    return err;
  }
  *pcmp = plug->io.pcm;
  return 1;  // created: the plug belongs to the PCM now
}

static const struct layout *layout_named(const char *name)
{
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
    if (strcmp(layouts[i].name, name) == 0) return &layouts[i];
  return NULL;
}

// Reads `cable`, `faults`, `format`, `rate`, `channels`, `skew_ppm`, `delay_ms`, `beep_ms`, `ear` of the PCM's definition.
SND_PCM_PLUGIN_DEFINE_FUNC(tandemtest)
{
  snd_config_iterator_t i, next;
  const char *cable = "default";
  const char *faults = "", *format = "S16", *ear = "";
  long rate = 48000, channels = 2, skew_ppm = 0, delay_ms = 0, beep_ms = 0;
  (void)root;
  snd_config_for_each(i, next, conf) {
    snd_config_t *entry = snd_config_iterator_entry(i);
    const char *id;
    int err = 0;
    if (snd_config_get_id(entry, &id) < 0) continue;
    if (strcmp(id, "comment") == 0 || strcmp(id, "type") == 0 || strcmp(id, "hint") == 0) continue;
    if (strcmp(id, "cable") == 0) err = snd_config_get_string(entry, &cable);
    else if (strcmp(id, "faults") == 0) err = snd_config_get_string(entry, &faults);
    else if (strcmp(id, "rate") == 0) err = snd_config_get_integer(entry, &rate);
    else if (strcmp(id, "channels") == 0) err = snd_config_get_integer(entry, &channels);
    else if (strcmp(id, "format") == 0) err = snd_config_get_string(entry, &format);
    else if (strcmp(id, "skew_ppm") == 0) err = snd_config_get_integer(entry, &skew_ppm);
    else if (strcmp(id, "delay_ms") == 0) err = snd_config_get_integer(entry, &delay_ms);
    else if (strcmp(id, "beep_ms") == 0) err = snd_config_get_integer(entry, &beep_ms);
    else if (strcmp(id, "ear") == 0) err = snd_config_get_string(entry, &ear);
    else err = -EINVAL;
    if (err < 0) {
      SNDERR("tandemtest: bad field %s", id);
      return err;
    }
  }
  if (channels < 1 || channels > MAX_CHANNELS || rate < 4000 || rate > 192000) return -EINVAL;
  if (!layout_named(format) || delay_ms < 0 || delay_ms > 300) return -EINVAL;
  if (beep_ms < 0 || beep_ms > 10000 || (ear[0] != '\0' && beep_ms == 0)) return -EINVAL;
  struct plug *plug = calloc(1, sizeof *plug);
  if (!plug) return -ENOMEM;
  plug->cable = cable_named(cable);
  plug->skew = (double)skew_ppm / 1e6;
  plug->delay_ms = (double)delay_ms;
  plug->beep_ms = stream == SND_PCM_STREAM_CAPTURE || ear[0] != '\0' ? beep_ms : 0;
  if (stream == SND_PCM_STREAM_PLAYBACK && ear[0] != '\0') plug->ear = fopen(ear, "a");
  plug->layout = layout_named(format);
  snprintf(plug->faults, sizeof plug->faults, "%s", faults);
  int err = plug->cable ? plug_open(pcmp, name, stream, mode, plug, rate, channels) : discard(plug, -ENOSPC);
  return err == 1 ? 0 : err;
}

SND_PCM_PLUGIN_SYMBOL(tandemtest)
