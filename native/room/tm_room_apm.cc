// The one C++ file: webrtc-audio-processing, release 0.3 (Debian 12, Ubuntu 24.04: AEC) and release 1 (Debian 13: AEC3).
#include "tm_room_apm.h"

#include <memory>
#include <new>

#if __has_include(<webrtc/modules/audio_processing/include/audio_processing.h>)
#define TM_APM_RELEASE 0
#include <webrtc/modules/audio_processing/include/audio_processing.h>
#else
#define TM_APM_RELEASE 1
#include <modules/audio_processing/include/audio_processing.h>
#endif

using webrtc::AudioProcessing;
using webrtc::StreamConfig;

namespace {

// Telephony: 3 dB below full scale, at most 9 dB up, never clipped.
constexpr int kTargetDbfs = 3;
constexpr int kGainDb = 9;

#if TM_APM_RELEASE == 0

struct Library {
  using Pointer = std::unique_ptr<AudioProcessing>;

  static Pointer Create(const tm_room_options &options) {
    webrtc::Config config;
    // A long filter for real rooms; the delay is watched even where a measured one is given: hardware changes its mind.
    config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
    config.Set<webrtc::DelayAgnostic>(new webrtc::DelayAgnostic(true));
    Pointer apm(AudioProcessing::Create(config));
    if (!apm) return apm;
    bool fine = apm->high_pass_filter()->Enable(true) == AudioProcessing::kNoError;
    if (options.echo_cancel) {
      auto *echo = apm->echo_cancellation();
      fine = fine && echo->set_suppression_level(webrtc::EchoCancellation::kModerateSuppression) == 0 &&
             echo->Enable(true) == 0;
    }
    if (options.noise_suppression) {
      auto *noise = apm->noise_suppression();
      fine = fine && noise->set_level(webrtc::NoiseSuppression::kModerate) == 0 && noise->Enable(true) == 0;
    }
    if (options.gain_control) {
      auto *gain = apm->gain_control();
      fine = fine && gain->set_mode(webrtc::GainControl::kAdaptiveDigital) == 0 &&
             gain->set_target_level_dbfs(kTargetDbfs) == 0 && gain->set_compression_gain_db(kGainDb) == 0 &&
             gain->enable_limiter(true) == 0 && gain->Enable(true) == 0;
    }
    return fine ? std::move(apm) : Pointer();
  }

  static const char *Name() { return "0.3"; }
};

#else

struct Library {
  using Pointer = rtc::scoped_refptr<AudioProcessing>;

  static Pointer Create(const tm_room_options &options) {
    Pointer apm(webrtc::AudioProcessingBuilder().Create());
    if (!apm) return apm;
    AudioProcessing::Config config;
    config.pipeline.maximum_internal_processing_rate = TM_ROOM_HZ * 2;
    config.high_pass_filter.enabled = true;
    config.echo_canceller.enabled = options.echo_cancel;
    config.noise_suppression.enabled = options.noise_suppression;
    config.noise_suppression.level = AudioProcessing::Config::NoiseSuppression::kModerate;
    config.gain_controller1.enabled = options.gain_control;
    config.gain_controller1.mode = AudioProcessing::Config::GainController1::kAdaptiveDigital;
    config.gain_controller1.target_level_dbfs = kTargetDbfs;
    config.gain_controller1.compression_gain_db = kGainDb;
    config.gain_controller1.enable_limiter = true;
    config.gain_controller1.analog_gain_controller.enabled = false;
    config.residual_echo_detector.enabled = false;
    apm->ApplyConfig(config);
    return apm;
  }

  static const char *Name() { return "1"; }
};

#endif

}  // namespace

struct tm_apm {
  Library::Pointer apm;
  StreamConfig format{TM_ROOM_HZ, 1};
};

tm_apm *tm_apm_create(const tm_room_options *options) {
  auto *self = new (std::nothrow) tm_apm;
  if (!self) return nullptr;
  self->apm = Library::Create(*options);
  // The first blocks make the library allocate for the rate: here, not in a device's thread.
  float silence[TM_ROOM_BLOCK] = {};
  float *channel = silence;
  if (self->apm && self->apm->ProcessReverseStream(&channel, self->format, self->format, &channel) == 0 &&
      self->apm->set_stream_delay_ms(0) == 0 && self->apm->ProcessStream(&channel, self->format, self->format, &channel) == 0)
    return self;
  delete self;
  return nullptr;
}

void tm_apm_destroy(tm_apm *apm) { delete apm; }

void tm_apm_render(tm_apm *apm, const float *far) {
  float copy[TM_ROOM_BLOCK];
  float *out = copy;
  (void)apm->apm->ProcessReverseStream(&far, apm->format, apm->format, &out);
}

void tm_apm_capture(tm_apm *apm, float *near, int delay_ms) {
  (void)apm->apm->set_stream_delay_ms(delay_ms < 0 ? 0 : delay_ms);
  (void)apm->apm->ProcessStream(&near, apm->format, apm->format, &near);
}

const char *tm_apm_library(void) { return Library::Name(); }
