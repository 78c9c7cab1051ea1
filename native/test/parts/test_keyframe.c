// NG.110 2.9.1, RFC 5104 4.3.1: when a key frame is asked for, and when one is made. Time is a number.
#include "tm_keyframe.h"
#include "tm_test.h"

enum { SECOND = 1000000, SPACING = TM_KEYFRAME_SPACING_US };

static const tm_keyframe_settings ALL = {.nack = true, .pli = true, .fir = true, .fir_always = true, .first_number = 255};
static const tm_keyframe_settings NONE_AGREED = {.fir_always = true};
static const tm_h264_glance SETS = {.sps = true, .pps = true};
static const tm_h264_glance IDR = {.idr = true, .intra = true};
static const tm_h264_glance I_SLICE = {.intra = true};
static const tm_h264_glance P_SLICE = {.inter = true};
static const tm_h264_glance MIDDLE = {.middle = true};
static const tm_h264_glance MIDDLE_OF_IDR = {.middle = true, .middle_of_idr = true};
static const tm_h264_glance DELIMITER = {0};

static const tm_h264_frame KEY = {.has_picture = true, .key = true, .intra = true, .sets_known = true, .reference = true, .has_frame_num = true, .log2_max_frame_num = 4};
static const tm_h264_frame BARE_KEY = {.has_picture = true, .key = true, .intra = true, .reference = true};

static tm_keyframe_receiver r;
static uint64_t now;
static bool show;

static void begin(tm_keyframe_settings settings) {
  tm_keyframe_receiver_init(&r, &settings);
  now = 10 * SECOND;
}
static tm_keyframe_request heard(const tm_h264_glance *glance) { return tm_keyframe_heard(&r, glance, now).request; }
static tm_keyframe_request frame(tm_h264_frame what) { return tm_keyframe_frame(&r, &what, now, &show).request; }
static tm_h264_frame inter(uint16_t number) {
  return (tm_h264_frame){.has_picture = true, .sets_known = true, .reference = true, .has_frame_num = true, .frame_num = number, .log2_max_frame_num = 4};
}
static tm_h264_frame damaged(void) {
  tm_h264_frame what = inter(1);
  what.damaged = true;
  return what;
}
static void flow(tm_keyframe_settings settings) {
  begin(settings);
  heard(&IDR);
  frame(KEY);
}

// MD-2.9.1d: neither an I-frame nor sets at first: FIR, at once and once.
static void begins_badly(void) {
  static const tm_h264_glance *const FIRSTS[] = {&P_SLICE, &MIDDLE, &MIDDLE_OF_IDR};
  for (size_t i = 0; i < 3; i++) {
    begin(ALL);
    CHECK_INT(heard(&DELIMITER), TM_REQUEST_NONE); // says nothing yet
    tm_keyframe_ask ask = tm_keyframe_heard(&r, FIRSTS[i], now);
    CHECK_INT(ask.request, TM_REQUEST_FIR);
    CHECK_INT(ask.fir_number, 255);
    CHECK(!ask.repeated);
    for (int j = 0; j < 50; j++) CHECK_INT(heard(&P_SLICE), TM_REQUEST_NONE);
    CHECK_INT(frame(inter(1)), TM_REQUEST_NONE);
    CHECK(!show);
  }
}

static void begins_well(void) {
  static const tm_h264_glance *const FIRSTS[] = {&SETS, &IDR, &I_SLICE};
  for (size_t i = 0; i < 3; i++) {
    begin(ALL);
    CHECK_INT(heard(FIRSTS[i]), TM_REQUEST_NONE);
    CHECK_INT(heard(&P_SLICE), TM_REQUEST_NONE);
    CHECK_INT(frame(KEY), TM_REQUEST_NONE);
    CHECK(show);
    CHECK_INT(frame(inter(1)), TM_REQUEST_NONE);
    CHECK(show);
    CHECK(tm_keyframe_due_us(&r) == UINT64_MAX);
    CHECK_INT(r.asks, 0);
  }
}

static void key_without_sets(void) {
  begin(ALL);
  CHECK_INT(heard(&IDR), TM_REQUEST_NONE);
  CHECK_INT(frame(BARE_KEY), TM_REQUEST_FIR);
  CHECK(!show);
}

static void an_intra_picture_starts(void) {
  begin(ALL);
  tm_h264_frame intra = inter(3);
  intra.intra = true;
  CHECK_INT(heard(&I_SLICE), TM_REQUEST_NONE);
  CHECK_INT(frame(intra), TM_REQUEST_NONE);
  CHECK(show);
}

// RFC 5104 4.3.1.1: the same number while it is the same need.
static void repeated(void) {
  begin(ALL);
  CHECK_INT(heard(&P_SLICE), TM_REQUEST_FIR);
  tm_keyframe_set_rtt(&r, 400000);
  CHECK_INT(tm_keyframe_due_us(&r), now + 800000); // 2 * RTT
  tm_keyframe_set_rtt(&r, 100000);
  CHECK_INT(tm_keyframe_due_us(&r), now + SPACING);
  now += SPACING - 1;
  CHECK_INT(tm_keyframe_tick(&r, now).request, TM_REQUEST_NONE);
  now += 1;
  tm_keyframe_ask ask = tm_keyframe_tick(&r, now);
  CHECK_INT(ask.request, TM_REQUEST_FIR);
  CHECK_INT(ask.fir_number, 255);
  CHECK(ask.repeated);
  CHECK_INT(frame(KEY), TM_REQUEST_NONE);
  CHECK(show);
  CHECK(tm_keyframe_due_us(&r) == UINT64_MAX);
}

static void never_a_storm(void) {
  begin(ALL);
  heard(&P_SLICE);
  uint64_t until = now + 60 * (uint64_t)SECOND;
  for (; now < until; now += 1000) {
    tm_keyframe_tick(&r, now);
    heard(&P_SLICE);
    frame(damaged());
  }
  CHECK_RANGE(r.asks, 15, 25); // ten in the first five seconds, then one in five
}

static void a_new_number_for_a_new_need(void) {
  begin((tm_keyframe_settings){.fir = true, .first_number = 255});
  CHECK_INT(tm_keyframe_heard(&r, &P_SLICE, now).fir_number, 255);
  frame(KEY);
  now += SECOND;
  tm_h264_frame bad = damaged();
  tm_keyframe_ask ask = tm_keyframe_frame(&r, &bad, now, &show);
  CHECK_INT(ask.request, TM_REQUEST_FIR);
  CHECK_INT(ask.fir_number, 0); // modulo 256
  CHECK(!ask.repeated);
  tm_h264_frame bad_key = KEY; // the answer came broken: that is a new need
  bad_key.damaged = true;
  now += SECOND;
  ask = tm_keyframe_frame(&r, &bad_key, now, &show);
  CHECK_INT(ask.request, TM_REQUEST_FIR);
  CHECK_INT(ask.fir_number, 1);
}

static void loss(void) {
  flow(ALL);
  CHECK_INT(frame(damaged()), TM_REQUEST_PLI);
  CHECK(!show);
  CHECK_INT(frame(inter(2)), TM_REQUEST_NONE);
  CHECK(!show);
  CHECK_INT(frame(KEY), TM_REQUEST_NONE);
  CHECK(show);
  now += 1000; // a second loss right behind: coalesced, the message waits for its time
  CHECK_INT(frame(damaged()), TM_REQUEST_NONE);
  CHECK_INT(tm_keyframe_due_us(&r), now - 1000 + SPACING);
  now += SPACING;
  CHECK_INT(tm_keyframe_tick(&r, now).request, TM_REQUEST_PLI);
}

static void by_agreement(void) {
  flow((tm_keyframe_settings){.fir = true, .fir_always = true});
  CHECK_INT(frame(damaged()), TM_REQUEST_FIR); // no PLI agreed
  begin((tm_keyframe_settings){.pli = true});
  CHECK_INT(heard(&P_SLICE), TM_REQUEST_PLI); // FIR neither agreed nor allowed
  begin((tm_keyframe_settings){.pli = true, .fir_always = true});
  CHECK_INT(heard(&P_SLICE), TM_REQUEST_FIR); // NG.110 before 26.114
  now += SPACING; // who does not know FIR is asked by what was agreed
  CHECK_INT(tm_keyframe_tick(&r, now).request, TM_REQUEST_PLI);
  flow((tm_keyframe_settings){.pli = true, .fir_always = true});
  CHECK_INT(frame(damaged()), TM_REQUEST_PLI);
  begin((tm_keyframe_settings){0});
  CHECK_INT(heard(&P_SLICE), TM_REQUEST_NONE);
  CHECK(tm_keyframe_due_us(&r) == UINT64_MAX);
}

// The project's choice: what was not agreed goes out once for a need, and seldom.
static void not_agreed(void) {
  begin(NONE_AGREED);
  CHECK_INT(heard(&P_SLICE), TM_REQUEST_FIR);
  for (int i = 0; i < 600; i++) {
    now += SECOND / 10;
    CHECK_INT(tm_keyframe_tick(&r, now).request, TM_REQUEST_NONE);
  }
  flow(NONE_AGREED);
  CHECK_INT(frame(damaged()), TM_REQUEST_FIR);
  frame(KEY);
  now += SECOND;
  CHECK_INT(frame(damaged()), TM_REQUEST_NONE);
  now += 4 * SECOND;
  CHECK_INT(tm_keyframe_tick(&r, now).request, TM_REQUEST_FIR);
}

static void lost_pictures_that_nothing_refers_to(void) {
  flow(ALL);
  tm_h264_frame next = inter(1);
  next.loss_before = true;
  CHECK_INT(frame(next), TM_REQUEST_NONE); // frame_num goes on
  CHECK(show);
  tm_h264_frame disposable = damaged();
  disposable.reference = false;
  CHECK_INT(frame(disposable), TM_REQUEST_NONE);
  CHECK(!show);
  next = inter(3); // 2 is missing
  next.loss_before = true;
  CHECK_INT(frame(next), TM_REQUEST_PLI);
  CHECK(!show);
}

static void patience(void) {
  flow(ALL);
  frame(damaged());
  now += TM_KEYFRAME_PATIENCE_US;
  CHECK(tm_keyframe_due_us(&r) <= now);
  tm_keyframe_tick(&r, now);
  frame(inter(5));
  CHECK(show);
  begin(ALL); // but a picture that never was does not begin so
  heard(&P_SLICE);
  now += 10 * TM_KEYFRAME_PATIENCE_US;
  tm_keyframe_tick(&r, now);
  frame(inter(5));
  CHECK(!show);
}

static void nack(void) {
  static const uint16_t LOST[] = {5, 6, 9};
  flow(ALL);
  CHECK_INT(tm_keyframe_missing(&r, LOST, 1, now).request, TM_REQUEST_NACK);
  CHECK_INT(tm_keyframe_missing(&r, LOST, 1, now).request, TM_REQUEST_NONE);
  CHECK_INT(tm_keyframe_missing(&r, LOST, 3, now + 1000).request, TM_REQUEST_NONE); // shares the next message
  CHECK_INT(tm_keyframe_missing(&r, LOST, 3, now + 11000).request, TM_REQUEST_NACK);
  unsigned more = 0;
  for (uint64_t t = now + 12000; t < now + 5 * SECOND; t += 1000) more += tm_keyframe_missing(&r, LOST, 3, t).request == TM_REQUEST_NACK;
  CHECK_INT(more, TM_KEYFRAME_NACK_TIMES - 1);
  CHECK(tm_keyframe_wait_us(&r) > 40000);
  tm_keyframe_set_rtt(&r, 200000); // too long for a repeated packet to be of use
  CHECK_INT(tm_keyframe_missing(&r, (const uint16_t[]){90}, 1, now + 9 * SECOND).request, TM_REQUEST_NONE);
  CHECK_INT(tm_keyframe_wait_us(&r), 40000);
  flow((tm_keyframe_settings){.pli = true});
  CHECK_INT(tm_keyframe_missing(&r, LOST, 3, now).request, TM_REQUEST_NONE);
}

static void wanted(void) {
  flow(ALL);
  CHECK_INT(tm_keyframe_wanted(&r, now).request, TM_REQUEST_PLI);
  CHECK_INT(tm_keyframe_wanted(&r, now).request, TM_REQUEST_NONE);
  CHECK_INT(frame(inter(1)), TM_REQUEST_NONE);
  CHECK(show); // what comes meanwhile is shown
  frame(KEY);
  CHECK(tm_keyframe_due_us(&r) == UINT64_MAX);
}

static void new_source(void) {
  begin(ALL);
  CHECK_INT(tm_keyframe_heard(&r, &P_SLICE, now).fir_number, 255);
  now += SECOND;
  tm_keyframe_receiver_restart(&r);
  CHECK_INT(tm_keyframe_heard(&r, &P_SLICE, now).fir_number, 0);
}

// --- the sender

static tm_keyframe_sender s;

static void sending(void) {
  now = 10 * SECOND;
  tm_keyframe_sender_init(&s, 33333);
  tm_keyframe_sender_set(&s, 100000, 33333);
  tm_keyframe_sender_sent(&s, true, true, true, now);
  now += 5 * SECOND;
}

static void first_frame(void) {
  tm_keyframe_sender_init(&s, 33333);
  CHECK(tm_keyframe_sender_key_due(&s, 0));
  tm_keyframe_sender_sent(&s, true, true, true, 0);
  CHECK(!tm_keyframe_sender_key_due(&s, 1));
  CHECK(tm_keyframe_sender_fir(&s, 1, 0, 2)); // and one who came too late for it is served at once
  CHECK(tm_keyframe_sender_key_due(&s, 2));
}

static void fir_numbers(void) {
  sending();
  CHECK(tm_keyframe_sender_fir(&s, 1, 200, now));
  CHECK(tm_keyframe_sender_key_due(&s, now));
  CHECK(tm_keyframe_sender_key_due(&s, now)); // until it was sent
  tm_keyframe_sender_sent(&s, true, true, false, now);
  CHECK(!tm_keyframe_sender_key_due(&s, now));
  now += 3 * SECOND;
  CHECK(!tm_keyframe_sender_fir(&s, 1, 200, now)); // repeated: obeyed already
  CHECK(!tm_keyframe_sender_key_due(&s, now));
  CHECK(tm_keyframe_sender_fir(&s, 1, 201, now));
  CHECK(tm_keyframe_sender_key_due(&s, now));
  CHECK_INT(s.forced, 1);
}

static void within_the_response_time(void) {
  sending();
  tm_keyframe_sender_pli(&s, now);
  tm_keyframe_sender_sent(&s, true, true, false, now);
  now += 100000 + 2 * 33333 - 1;
  CHECK(!tm_keyframe_sender_pli(&s, now));
  CHECK(!tm_keyframe_sender_fir(&s, 1, 5, now));
  CHECK(!tm_keyframe_sender_key_due(&s, now));
  now += 1;
  CHECK(tm_keyframe_sender_fir(&s, 1, 5, now)); // its repetition is heard: nothing was remembered
}

static void one_forced_a_second(void) {
  sending();
  unsigned forced = 0;
  for (uint64_t until = now + 10 * (uint64_t)SECOND; now < until; now += 20000) {
    tm_keyframe_sender_fir(&s, 1, (uint8_t)(now / 20000), now);
    tm_keyframe_sender_pli(&s, now);
    bool key = tm_keyframe_sender_key_due(&s, now);
    tm_keyframe_sender_sent(&s, key, key, false, now);
    forced += key;
  }
  CHECK_INT(forced, 10);
  CHECK(s.pending); // the last one is not forgotten
}

static void many_requesters(void) {
  sending();
  for (uint32_t i = 0; i < 10; i++) {
    now += 2 * SECOND;
    CHECK(tm_keyframe_sender_fir(&s, i, 1, now));
    tm_keyframe_sender_sent(&s, true, true, false, now);
  }
  now += 2 * SECOND;
  CHECK(!tm_keyframe_sender_fir(&s, 9, 1, now));
  CHECK(tm_keyframe_sender_fir(&s, 0, 1, now)); // long forgotten
}

// TS 26.114 5.2.2: new sets three times, at most half a second apart.
static void sets_three_times(void) {
  now = SECOND;
  unsigned times = 1;
  tm_keyframe_sender_init(&s, 33333);
  tm_keyframe_sender_sent(&s, true, true, true, now);
  uint64_t last = now;
  for (int i = 0; i < 100; i++) {
    now += 33333;
    bool sets = tm_keyframe_sender_sets_due(&s, now);
    if (sets) {
      CHECK(now - last <= 500000);
      last = now;
      times++;
    }
    tm_keyframe_sender_sent(&s, false, sets, false, now);
  }
  CHECK_INT(times, 3);
}

int main(void) {
  tm_test_run("a stream that begins with neither I-frame nor sets: one FIR at once", begins_badly);
  tm_test_run("a stream that begins with sets or an I-frame: none", begins_well);
  tm_test_run("a key frame with sets nowhere: FIR", key_without_sets);
  tm_test_run("an intra picture starts as well as an IDR", an_intra_picture_starts);
  tm_test_run("repeated with the same number after two round trips", repeated);
  tm_test_run("never a storm", never_a_storm);
  tm_test_run("a new need has a new number, modulo 256", a_new_number_for_a_new_need);
  tm_test_run("loss: PLI, until a key frame came; coalesced", loss);
  tm_test_run("only what was agreed, but for the FIR of NG.110", by_agreement);
  tm_test_run("what was not agreed: once for a need, once in five seconds", not_agreed);
  tm_test_run("pictures that nothing refers to may be lost", lost_pictures_that_nothing_refers_to);
  tm_test_run("after three seconds a blemished picture beats none", patience);
  tm_test_run("NACK while it is of use, bounded", nack);
  tm_test_run("the owner's wish", wanted);
  tm_test_run("a new source is judged anew", new_source);
  tm_test_run("sender: the first frame is a key frame", first_frame);
  tm_test_run("sender: a FIR number is obeyed once", fir_numbers);
  tm_test_run("sender: deaf within RTT and two frames of an answer", within_the_response_time);
  tm_test_run("sender: one forced key frame a second, none forgotten", one_forced_a_second);
  tm_test_run("sender: many requesters in constant memory", many_requesters);
  tm_test_run("sender: new sets three times", sets_three_times);
  return tm_test_end();
}
