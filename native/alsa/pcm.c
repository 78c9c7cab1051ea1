// One ALSA PCM handle.
#include "pcm.h"

#include <errno.h>

#include "clock.h"

enum {
  PERIODS = 4,
  PERIODS_A_SECOND = 100,
  USUAL_HZ = 48000,
  STUCK_MS = 2000,  // a running device that moves nothing for so long is gone
  RESUME_TRIES = 20,
  RESUME_PAUSE_MS = 10,
};

static int16_t get_s16(const unsigned char *at) { return (int16_t)(at[0] | at[1] << 8); }
static int16_t get_s24(const unsigned char *at) { return (int16_t)(at[1] | at[2] << 8); }
static int16_t get_s32(const unsigned char *at) { return (int16_t)(at[2] | at[3] << 8); }
static int16_t get_u8(const unsigned char *at) { return (int16_t)((at[0] - 128) * 256); }

static void put_s16(unsigned char *at, int16_t sample)
{
  at[0] = (unsigned char)sample;
  at[1] = (unsigned char)((uint16_t)sample >> 8);
}
static void put_s24(unsigned char *at, int16_t sample)
{
  at[0] = 0;
  put_s16(at + 1, sample);
}
static void put_s32(unsigned char *at, int16_t sample)
{
  at[0] = at[1] = 0;
  put_s16(at + 2, sample);
}
static void put_s24_of_4(unsigned char *at, int16_t sample)
{
  put_s24(at, sample);
  at[3] = sample < 0 ? 0xFF : 0;
}
static void put_u8(unsigned char *at, int16_t sample) { at[0] = (unsigned char)((sample >> 8) + 128); }

// In the order in which they are liked. S24 lies in the lower three octets of four.
static const tm_pcm_format formats[] = {
    {SND_PCM_FORMAT_S16_LE, 2, get_s16, put_s16}, {SND_PCM_FORMAT_S32_LE, 4, get_s32, put_s32},
    {SND_PCM_FORMAT_S24_3LE, 3, get_s24, put_s24}, {SND_PCM_FORMAT_S24_LE, 4, get_s24, put_s24_of_4},
    {SND_PCM_FORMAT_U8, 1, get_u8, put_u8},
};

static int choose_format(tm_pcm *pcm, snd_pcm_hw_params_t *hw)
{
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    if (snd_pcm_hw_params_set_format(pcm->handle, hw, formats[i].alsa) < 0) continue;
    pcm->format = &formats[i];
    return 0;
  }
  return -EINVAL;
}

static int choose_rate(snd_pcm_t *handle, snd_pcm_hw_params_t *hw, unsigned wanted_hz, unsigned *rate)
{
  *rate = wanted_hz;
  if (snd_pcm_hw_params_test_rate(handle, hw, wanted_hz, 0) != 0 && snd_pcm_hw_params_test_rate(handle, hw, USUAL_HZ, 0) == 0)
    *rate = USUAL_HZ;
  return snd_pcm_hw_params_set_rate_near(handle, hw, rate, NULL);
}

static int set_hardware(tm_pcm *pcm, unsigned wanted_hz)
{
  snd_pcm_hw_params_t *hw;
  snd_pcm_hw_params_alloca(&hw);
  int code = snd_pcm_hw_params_any(pcm->handle, hw);
  if (code >= 0) code = snd_pcm_hw_params_set_access(pcm->handle, hw, SND_PCM_ACCESS_RW_INTERLEAVED);
  if (code >= 0) code = choose_format(pcm, hw);
  pcm->channels = 1;
  if (code >= 0) code = snd_pcm_hw_params_set_channels_near(pcm->handle, hw, &pcm->channels);
  if (code >= 0 && pcm->channels > TM_PCM_MAX_CHANNELS) code = -EINVAL;
  if (code >= 0) code = choose_rate(pcm->handle, hw, wanted_hz, &pcm->rate);
  if (code < 0) return code;
  snd_pcm_uframes_t period = pcm->rate / PERIODS_A_SECOND;
  snd_pcm_uframes_t buffer;
  code = snd_pcm_hw_params_set_period_size_near(pcm->handle, hw, &period, NULL);
  buffer = period * PERIODS;
  if (code >= 0) code = snd_pcm_hw_params_set_buffer_size_near(pcm->handle, hw, &buffer);
  if (code >= 0) code = snd_pcm_hw_params(pcm->handle, hw);
  pcm->period = period;
  return code;
}

static int set_software(tm_pcm *pcm)
{
  snd_pcm_sw_params_t *sw;
  snd_pcm_sw_params_alloca(&sw);
  int code = snd_pcm_sw_params_current(pcm->handle, sw);
  if (code >= 0) code = snd_pcm_sw_params_set_avail_min(pcm->handle, sw, pcm->period);
  // Playback begins with two periods in stock; capture is started by hand.
  if (code >= 0) code = snd_pcm_sw_params_set_start_threshold(pcm->handle, sw, pcm->capture ? 1 : 2 * pcm->period);
  return code < 0 ? code : snd_pcm_sw_params(pcm->handle, sw);
}

int tm_pcm_open(tm_pcm *pcm, const char *name, bool capture, unsigned wanted_hz)
{
  pcm->capture = capture;
  pcm->silent_ms = 0;
  snd_pcm_stream_t direction = capture ? SND_PCM_STREAM_CAPTURE : SND_PCM_STREAM_PLAYBACK;
  int code = snd_pcm_open(&pcm->handle, name, direction, SND_PCM_NONBLOCK);
  if (code < 0) {
    pcm->handle = NULL;
    return code;
  }
  code = set_hardware(pcm, wanted_hz);
  if (code >= 0) code = set_software(pcm);
  if (code >= 0) code = snd_pcm_prepare(pcm->handle);
  if (code >= 0 && capture) code = snd_pcm_start(pcm->handle);
  if (code < 0) tm_pcm_close(pcm);
  return code < 0 ? code : 0;
}

void tm_pcm_close(tm_pcm *pcm)
{
  if (pcm->handle) (void)snd_pcm_close(pcm->handle);
  pcm->handle = NULL;
}

static int restart(tm_pcm *pcm)
{
  int code = snd_pcm_prepare(pcm->handle);
  if (code >= 0 && pcm->capture) code = snd_pcm_start(pcm->handle);
  return code < 0 ? code : 0;
}

static int resume(tm_pcm *pcm)
{
  int code = -EAGAIN;
  for (int i = 0; i < RESUME_TRIES && code == -EAGAIN; i++) {
    struct timespec pause = {.tv_nsec = RESUME_PAUSE_MS * 1000000L};
    if (i > 0) nanosleep(&pause, NULL);
    code = snd_pcm_resume(pcm->handle);
  }
  // Not every device can resume; all can begin anew.
  return restart(pcm);
}

// What a negative code means: 0 the trouble is over (or there was none), negative the device is gone.
static int heal(tm_pcm *pcm, int code)
{
  if (code == -EAGAIN || code == -EINTR) return 0;
  if (code == -EPIPE) {
    pcm->xruns++;
    return restart(pcm);
  }
  if (code == -ESTRPIPE) {
    pcm->suspends++;
    return resume(pcm);
  }
  return code;
}

// 1: go on, 0: nothing to do now, negative: gone.
static int wait_for(tm_pcm *pcm, int timeout_ms)
{
  int ready = snd_pcm_wait(pcm->handle, timeout_ms);
  if (ready > 0) return 1;
  if (ready < 0) return heal(pcm, ready);
  pcm->silent_ms += (unsigned)timeout_ms;
  return pcm->silent_ms >= STUCK_MS ? -EIO : 0;
}

static unsigned char *sample_at(tm_pcm *pcm, size_t frame, unsigned channel)
{
  return pcm->interleaved + (frame * pcm->channels + channel) * pcm->format->octets;
}

int tm_pcm_read(tm_pcm *pcm, int16_t *mono, size_t capacity, int timeout_ms)
{
  int ready = wait_for(pcm, timeout_ms);
  if (ready <= 0) return ready;
  if (capacity > TM_PCM_MAX_FRAMES) capacity = TM_PCM_MAX_FRAMES;
  snd_pcm_sframes_t got = snd_pcm_readi(pcm->handle, pcm->interleaved, capacity);
  if (got < 0) return heal(pcm, (int)got);
  if (got > 0) pcm->silent_ms = 0;
  for (snd_pcm_sframes_t i = 0; i < got; i++) {
    int sum = 0;
    for (unsigned c = 0; c < pcm->channels; c++) sum += pcm->format->get(sample_at(pcm, (size_t)i, c));
    mono[i] = (int16_t)(sum / (int)pcm->channels);
  }
  return (int)got;
}

int tm_pcm_write(tm_pcm *pcm, const int16_t *mono, size_t count, int timeout_ms)
{
  int ready = wait_for(pcm, timeout_ms);
  if (ready <= 0) return ready;
  if (count > TM_PCM_MAX_FRAMES) count = TM_PCM_MAX_FRAMES;
  for (size_t i = 0; i < count; i++)
    for (unsigned c = 0; c < pcm->channels; c++) pcm->format->put(sample_at(pcm, i, c), mono[i]);
  snd_pcm_sframes_t put = snd_pcm_writei(pcm->handle, pcm->interleaved, count);
  if (put < 0) return heal(pcm, (int)put);
  if (put > 0) pcm->silent_ms = 0;
  return (int)put;
}

int64_t tm_pcm_moment(tm_pcm *pcm)
{
  snd_pcm_sframes_t delay = 0;
  if (!pcm->handle || snd_pcm_state(pcm->handle) != SND_PCM_STATE_RUNNING) return 0;
  if (snd_pcm_delay(pcm->handle, &delay) < 0 || delay < 0) return 0;
  int64_t span = (int64_t)delay * TM_NS_PER_S / (int64_t)pcm->rate;
  return pcm->capture ? tm_now_ns() - span : tm_now_ns() + span;
}
