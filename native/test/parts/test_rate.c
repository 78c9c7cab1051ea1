// RFC 5104 3.5.4, 4.2: the sender's rate. Time is a number.
#include "tm_rate.h"
#include "tm_test.h"

enum { SECOND = 1000000 };
static const tm_rate_config CONFIG = {.least_bps = 64000, .start_bps = 512000, .most_bps = 1000000, .as_kbps = 0, .overhead = 40, .packet_bytes = 1000};
static tm_rate rate;

static void bounds(void) {
  tm_rate_config config = CONFIG;
  CHECK_INT(tm_rate_init(&rate, &config), TM_OK);
  CHECK_INT(tm_rate_target(&rate), 512000);
  config.as_kbps = 260; // with 40 octets of headers to 1000 of payload: 250 kbit/s of video
  CHECK_INT(tm_rate_configure(&rate, &config), TM_OK);
  CHECK_INT(tm_rate_target(&rate), 250000);
  CHECK(tm_rate_bound(&rate, 7, &(tm_bitrate_bound){.ssrc = 1, .bits_per_second = 104000, .overhead = 40}));
  CHECK_INT(tm_rate_target(&rate), 100000);
  CHECK(!tm_rate_bound(&rate, 7, &(tm_bitrate_bound){.ssrc = 1, .bits_per_second = 104000, .overhead = 40}));
  tm_bitrate_bound set;
  CHECK_INT(tm_rate_bounding_set(&rate, &set), 1);
  CHECK_INT(set.ssrc, 7); // TMMBN names who set it
  CHECK_INT(set.bits_per_second, 104000);
  CHECK(tm_rate_bound(&rate, 7, &(tm_bitrate_bound){.bits_per_second = 10000000}));
  CHECK_INT(tm_rate_target(&rate), 250000);
  CHECK(tm_rate_forget(&rate, 7));
  CHECK_INT(tm_rate_bounding_set(&rate, &set), 0);
  CHECK(!tm_rate_forget(&rate, 7));
  CHECK(tm_rate_bound(&rate, 7, &(tm_bitrate_bound){.bits_per_second = 0}));
  CHECK(tm_rate_paused(&rate));
  tm_rate_forget_all(&rate);
  CHECK(!tm_rate_paused(&rate));
  CHECK_INT(tm_rate_target(&rate), 250000);
  config.start_bps = 1;
  CHECK_INT(tm_rate_init(&rate, &config), TM_ERR_ARGUMENT);
}

static void below_the_least_when_told(void) {
  CHECK_INT(tm_rate_init(&rate, &CONFIG), TM_OK);
  tm_rate_bound(&rate, 7, &(tm_bitrate_bound){.bits_per_second = 30000});
  CHECK_INT(tm_rate_target(&rate), 30000);
  CHECK(!tm_rate_paused(&rate));
  tm_rate_bound(&rate, 7, &(tm_bitrate_bound){.bits_per_second = 0});
  CHECK(tm_rate_paused(&rate));
  CHECK_INT(tm_rate_target(&rate), 0);
}

static void many_requesters(void) {
  CHECK_INT(tm_rate_init(&rate, &CONFIG), TM_OK);
  for (uint32_t i = 0; i < 20; i++) tm_rate_bound(&rate, i, &(tm_bitrate_bound){.bits_per_second = 400000 - 10000 * i});
  CHECK_INT(tm_rate_target(&rate), 210000);
  CHECK_INT(rate.bound_count, TM_RATE_OWNERS);
}

static void loss(void) {
  uint64_t now = 100 * (uint64_t)SECOND;
  CHECK_INT(tm_rate_init(&rate, &CONFIG), TM_OK);
  tm_rate_loss(&rate, 128, now); // half lost: three quarters left
  CHECK_INT(tm_rate_target(&rate), 384000);
  tm_rate_loss(&rate, 128, now + SECOND / 2); // once a second
  CHECK_INT(tm_rate_target(&rate), 384000);
  now += SECOND;
  tm_rate_loss(&rate, 13, now); // 5 %: stays
  CHECK_INT(tm_rate_target(&rate), 384000);
  now += SECOND;
  tm_rate_loss(&rate, 0, now);
  CHECK_INT(tm_rate_target(&rate), 384000 + 384000 * 8 / 100 + 1000);
  for (int i = 0; i < 100; i++) tm_rate_loss(&rate, 255, now += SECOND);
  CHECK_INT(tm_rate_target(&rate), 64000);
  for (int i = 0; i < 12; i++) tm_rate_loss(&rate, 0, now += 5 * (uint64_t)SECOND); // reports every five seconds: a minute
  CHECK_INT(tm_rate_target(&rate), 1000000);
}

int main(void) {
  tm_test_run("b=AS and TMMBR bound, headers taken off", bounds);
  tm_test_run("the peer's word goes below our least, zero pauses", below_the_least_when_told);
  tm_test_run("many requesters in constant memory", many_requesters);
  tm_test_run("loss leads", loss);
  return tm_test_end();
}
