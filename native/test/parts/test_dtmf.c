// RFC 4733 telephone events: sender against receiver, with losses.
#include "tm_dtmf.h"
#include "tm_test.h"

enum { CLOCK = 8000, TICK = 160, MAX_PACKETS = 8000 };
static const uint64_t TICK_US = 20000;

typedef struct sent {
  tm_dtmf_packet packet;
  uint64_t at_us;
} sent;

static sent log_of[MAX_PACKETS];

/// Sends the digits from timestamp `start` on; gives back the number of packets.
static size_t send_all(const char *digits, uint32_t duration_ms, uint32_t gap_ms, uint32_t start) {
  tm_dtmf_sender sender;
  tm_dtmf_sender_init(&sender, CLOCK);
  if (tm_dtmf_send(&sender, digits, duration_ms, gap_ms) != TM_OK) return 0;
  size_t count = 0;
  for (uint32_t tick = 0; tick < MAX_PACKETS && tm_dtmf_pending(&sender) > 0; tick++) {
    tm_dtmf_packet packet;
    if (tm_dtmf_sender_tick(&sender, start + tick * TICK, TICK, &packet) == TM_DTMF_SEND) {
      log_of[count++] = (sent){packet, tick * TICK_US};
    }
  }
  return count;
}

static uint32_t duration_of(const tm_dtmf_packet *packet) {
  return (uint32_t)packet->payload[2] << 8 | packet->payload[3];
}

static bool ends(const tm_dtmf_packet *packet) { return (packet->payload[1] & 0x80) != 0; }

static void one_digit(void) {
  // 100 ms: five packets, the fifth with E, and two repetitions.
  size_t count = send_all("5", 100, 80, 0xFFFFFF00u);
  CHECK_INT(count, 7);
  for (size_t i = 0; i < count; i++) {
    const tm_dtmf_packet *packet = &log_of[i].packet;
    CHECK_INT(packet->timestamp, 0xFFFFFF00u);
    CHECK_INT(packet->marker, i == 0);
    CHECK_INT(packet->payload[0], 5);
    CHECK_INT(packet->payload[1] & 0x7F, 10); // -10 dBm0
    CHECK_INT(ends(packet), i >= 4);
    CHECK_INT(duration_of(packet), i >= 4 ? 800 : (i + 1) * 160);
  }
}

static void shortest(void) {
  size_t count = send_all("12", 1, 1, 0);
  // Raised to 65 ms: 520 ticks; the gap lasts 65 ms as well.
  CHECK_INT(duration_of(&log_of[count - 1].packet), 520);
  uint32_t second = 0;
  for (size_t i = 0; i < count; i++) {
    if (log_of[i].packet.payload[0] == 2 && second == 0) second = log_of[i].packet.timestamp;
  }
  CHECK(second >= 520 + 520);
  CHECK(second <= 520 + 520 + TICK);
}

static void all_digits(void) {
  static const char all[] = "0123456789*#ABCD";
  for (int code = 0; code < 16; code++) {
    CHECK_INT(tm_dtmf_code(all[code]), code);
    CHECK_INT(tm_dtmf_digit((uint8_t)code), all[code]);
  }
  CHECK_INT(tm_dtmf_code('d'), 15);
  CHECK_INT(tm_dtmf_code('x'), -1);
  CHECK_INT(tm_dtmf_code('\0'), -1);
  CHECK_INT(tm_dtmf_digit(16), '\0');
}

static void refused(void) {
  tm_dtmf_sender sender;
  tm_dtmf_sender_init(&sender, CLOCK);
  CHECK_INT(tm_dtmf_send(&sender, "12x", 0, 0), TM_ERR_ARGUMENT);
  CHECK_INT(tm_dtmf_pending(&sender), 0);
  CHECK_INT(tm_dtmf_send(&sender, "1", 60001, 0), TM_ERR_ARGUMENT);
  char many[66];
  memset(many, '1', 65);
  many[65] = '\0';
  CHECK_INT(tm_dtmf_send(&sender, many, 0, 0), TM_ERR_SPACE);
  many[64] = '\0';
  CHECK_INT(tm_dtmf_send(&sender, many, 0, 0), TM_OK);
  CHECK_INT(tm_dtmf_send(&sender, "1", 0, 0), TM_ERR_SPACE);
}

typedef struct heard {
  char digits[64];
  size_t begun;
  size_t ended;
  uint32_t last_ms;
} heard;

static void note(heard *result, const tm_dtmf_change *change) {
  if (change->ended) {
    result->ended++;
    result->last_ms = change->duration_ms;
  } else if (result->begun < sizeof result->digits - 1) {
    result->digits[result->begun++] = tm_dtmf_digit(change->code);
  }
}

/// Gives the logged packets to a receiver; `keep` says which arrive (by index), NULL: all.
static heard receive(size_t count, bool (*keep)(size_t index, const tm_dtmf_packet *packet), int times) {
  heard result = {.begun = 0};
  tm_dtmf_receiver receiver;
  tm_dtmf_change changes[TM_DTMF_MAX_RECEIVED];
  tm_dtmf_receiver_init(&receiver, CLOCK);
  uint64_t now = 0;
  for (size_t i = 0; i < count; i++) {
    for (; now < log_of[i].at_us; now += TICK_US) {
      if (tm_dtmf_receiver_tick(&receiver, now, changes)) note(&result, changes);
    }
    if (keep != NULL && !keep(i, &log_of[i].packet)) continue;
    for (int repeat = 0; repeat < times; repeat++) {
      size_t changed = 0;
      tm_dtmf_receive(&receiver, log_of[i].packet.timestamp, log_of[i].packet.payload, TM_DTMF_PAYLOAD_BYTES,
                      log_of[i].at_us, changes, &changed);
      for (size_t change = 0; change < changed; change++) note(&result, &changes[change]);
    }
  }
  for (int tick = 0; tick < 20; tick++, now += TICK_US) {
    if (tm_dtmf_receiver_tick(&receiver, now, changes)) note(&result, changes);
  }
  result.digits[result.begun] = '\0';
  return result;
}

static bool no_start(size_t index, const tm_dtmf_packet *packet) {
  (void)index;
  return !packet->marker && duration_of(packet) > 400;
}

static bool no_end(size_t index, const tm_dtmf_packet *packet) {
  (void)index;
  return !ends(packet);
}

static bool only_last(size_t index, const tm_dtmf_packet *packet) {
  static size_t run;
  run = index == 0 || !ends(packet) ? 0 : run + 1;
  return run == TM_DTMF_END_PACKETS;
}

static void every_loss_pattern(void) {
  size_t count = send_all("19#9*", 100, 80, 0xFFFFF000u); // timestamps wrap on the way
  static bool (*const patterns[])(size_t, const tm_dtmf_packet *) = {NULL, no_start, no_end, only_last};
  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
    for (int times = 1; times <= 3; times++) {
      heard result = receive(count, patterns[i], times);
      CHECK(strcmp(result.digits, "19#9*") == 0);
      CHECK_INT(result.ended, 5);
      CHECK_INT(result.last_ms, patterns[i] == no_end ? 80 : 100);
    }
  }
}

static void random_losses(void) {
  size_t count = send_all("0123456789ABCD*#", 120, 80, 12345);
  tm_random random = {21};
  for (int round = 0; round < 300; round++) {
    tm_dtmf_receiver receiver;
    tm_dtmf_change changes[TM_DTMF_MAX_RECEIVED];
    heard result = {.begun = 0};
    tm_dtmf_receiver_init(&receiver, CLOCK);
    uint32_t timestamp = log_of[0].packet.timestamp;
    bool kept = false;
    size_t expected = 0;
    for (size_t i = 0; i < count; i++) {
      if (log_of[i].packet.timestamp != timestamp) {
        timestamp = log_of[i].packet.timestamp;
        kept = false;
      }
      if (tm_random_below(&random, 100) < 30) continue; // 30 % lost
      if (!kept) expected++;
      kept = true;
      // A neighbour may overtake.
      size_t pick = i > 0 && tm_random_below(&random, 10) == 0 ? i - 1 : i;
      for (size_t which = pick; which <= i; which++) {
        if (log_of[which].packet.timestamp != timestamp) continue;
        size_t changed = 0;
        tm_dtmf_receive(&receiver, timestamp, log_of[which].packet.payload, TM_DTMF_PAYLOAD_BYTES, log_of[i].at_us,
                        changes, &changed);
        for (size_t change = 0; change < changed; change++) note(&result, &changes[change]);
      }
    }
    if (tm_dtmf_receiver_tick(&receiver, log_of[count - 1].at_us + 1000000, changes)) note(&result, changes);
    CHECK_INT(result.begun, expected);
    CHECK_INT(result.ended, expected);
  }
}

static void long_press(void) {
  // 20 s at 8 kHz: 160000 ticks, more than two segments of 65535 (2.5.1.3).
  size_t count = send_all("7", 20000, 80, 1000);
  size_t segments = 1;
  for (size_t i = 1; i < count; i++) {
    const tm_dtmf_packet *packet = &log_of[i].packet;
    CHECK(!packet->marker);
    if (packet->timestamp != log_of[i - 1].packet.timestamp) {
      segments++;
      CHECK_INT(packet->timestamp - log_of[i - 1].packet.timestamp, 0xFFFF);
      CHECK_INT(duration_of(&log_of[i - 1].packet), 0xFFFF);
      CHECK(!ends(&log_of[i - 1].packet));
    }
  }
  CHECK_INT(segments, 3);
  heard result = receive(count, NULL, 1);
  CHECK_INT(result.begun, 1);
  CHECK_INT(result.ended, 1);
  CHECK_INT(result.last_ms, 20000);
}

static void old_and_foreign(void) {
  tm_dtmf_receiver receiver;
  tm_dtmf_change changes[TM_DTMF_MAX_RECEIVED];
  size_t count = 0;
  tm_dtmf_receiver_init(&receiver, CLOCK);
  static const uint8_t end_of_3[] = {3, 0x8A, 0x03, 0x20};
  static const uint8_t flash[] = {16, 0x8A, 0x03, 0x20};
  CHECK_INT(tm_dtmf_receive(&receiver, 5000, end_of_3, 4, 0, changes, &count), TM_OK);
  CHECK_INT(count, 2); // down and up in one
  CHECK_INT(changes[1].duration_ms, 100);
  CHECK_INT(tm_dtmf_receive(&receiver, 5000, end_of_3, 4, 0, changes, &count), TM_OK);
  CHECK_INT(count, 0);
  CHECK_INT(tm_dtmf_receive(&receiver, 4000, end_of_3, 4, 0, changes, &count), TM_OK); // older
  CHECK_INT(count, 0);
  CHECK_INT(tm_dtmf_receive(&receiver, 9000, flash, 4, 0, changes, &count), TM_OK); // no digit
  CHECK_INT(count, 0);
  CHECK_INT(tm_dtmf_receive(&receiver, 9000, end_of_3, 3, 0, changes, &count), TM_ERR_MALFORMED);
  CHECK_INT(tm_dtmf_receive(&receiver, 9000, end_of_3, 0, 0, changes, &count), TM_ERR_MALFORMED);
  // After a long pause an older timestamp is a sender that began anew.
  CHECK_INT(tm_dtmf_receive(&receiver, 100, end_of_3, 4, 60000000, changes, &count), TM_OK);
  CHECK_INT(count, 2);
}

static void several_in_one_packet(void) {
  // 2.5.1.5: 1, then 2 right behind it.
  static const uint8_t both[] = {1, 0x8A, 0x02, 0x80, 2, 0x8A, 0x02, 0x80};
  tm_dtmf_receiver receiver;
  tm_dtmf_change changes[TM_DTMF_MAX_RECEIVED];
  size_t count = 0;
  tm_dtmf_receiver_init(&receiver, CLOCK);
  CHECK_INT(tm_dtmf_receive(&receiver, 0xFFFFFF00u, both, sizeof both, 0, changes, &count), TM_OK);
  CHECK_INT(count, 4);
  CHECK_INT(changes[0].code, 1);
  CHECK_INT(changes[3].code, 2);
  uint8_t many[400];
  for (size_t i = 0; i < sizeof many; i++) many[i] = both[i % sizeof both];
  CHECK_INT(tm_dtmf_receive(&receiver, 50000, many, sizeof many, 0, changes, &count), TM_OK);
  CHECK(count <= TM_DTMF_MAX_RECEIVED);
}

static void timestamp_runs_on(void) {
  // As diago sends beside speech: 20 ms on with each packet, durations that grow, three ends. Twice the same digit, then another.
  static const uint8_t digits[] = {1, 1, 2};
  tm_dtmf_receiver receiver;
  tm_dtmf_receiver_init(&receiver, CLOCK);
  heard result = {.begun = 0};
  uint32_t timestamp = 7000;
  uint64_t now = 0;
  for (size_t digit = 0; digit < sizeof digits; digit++) {
    for (uint32_t packet = 1; packet <= 10; packet++) {
      uint32_t duration = (packet < 8 ? packet : 8) * 160;
      const uint8_t event[] = {digits[digit], packet >= 8 ? 0x8A : 0x0A, (uint8_t)(duration >> 8), (uint8_t)duration};
      tm_dtmf_change changes[TM_DTMF_MAX_RECEIVED];
      size_t count = 0;
      CHECK_INT(tm_dtmf_receive(&receiver, timestamp, event, sizeof event, now, changes, &count), TM_OK);
      for (size_t i = 0; i < count; i++) note(&result, &changes[i]);
      timestamp += 160;
      now += 20000;
    }
    timestamp += 800;
    now += 100000;
  }
  CHECK_INT(result.begun, 3);
  CHECK_INT(result.ended, 3);
  CHECK(strcmp(result.digits, "112") == 0);
  CHECK_INT(result.last_ms, 160);
}

int main(void) {
  tm_test_run("a digit is a marker, growing durations and three end packets", one_digit);
  tm_test_run("durations and gaps are at least 65 ms", shortest);
  tm_test_run("all sixteen digits have their codes", all_digits);
  tm_test_run("wrong digits and too many are refused as a whole", refused);
  tm_test_run("each digit is heard once, without its start, its end, or all but one packet", every_loss_pattern);
  tm_test_run("30 % loss and reordering lose only digits that lost every packet", random_losses);
  tm_test_run("a press of 20 s goes over three segments and is one event", long_press);
  tm_test_run("old, repeated and foreign events are ignored", old_and_foreign);
  tm_test_run("a press whose timestamp runs on with each packet is one", timestamp_runs_on);
  tm_test_run("several events in one packet are read within bounds", several_in_one_packet);
  return tm_test_end();
}
