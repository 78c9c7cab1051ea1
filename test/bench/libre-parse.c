/* The C side of the SIP benchmark: libre reads and writes the same message.
 * Usage: libre-parse FILE ROUNDS MILLISECONDS; prints "PLAIN TYPED" in messages a second of processor time,
 * one line a round.
 * PLAIN: sip_msg_decode and every header field written again. TYPED: every header field decoded as well, by the
 * decoder that libre has for it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define HAVE_INTTYPES_H /* the header asks for it on every C99 system */
#include <re.h>

enum { BATCH = 100, MAX_MESSAGE = 65536 };

static double now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* Decodes one header field; a comma list of addresses by its first element, as libre has no list decoder for it. */
static int decode_header(const struct sip_hdr *hdr)
{
	union {
		struct sip_addr addr;
		struct sip_via via;
		struct sip_cseq cseq;
		struct msg_ctype ctype;
	} value;
	struct pl param;

	switch (hdr->id) {
	case SIP_HDR_VIA:
		return sip_via_decode(&value.via, &hdr->val);
	case SIP_HDR_FROM:
	case SIP_HDR_TO:
	case SIP_HDR_CONTACT:
	case SIP_HDR_RECORD_ROUTE:
	case SIP_HDR_ROUTE:
	case SIP_HDR_P_ASSERTED_IDENTITY:
	case SIP_HDR_P_CALLED_PARTY_ID:
	case SIP_HDR_HISTORY_INFO:
		return sip_addr_decode(&value.addr, &hdr->val);
	case SIP_HDR_CSEQ:
		return sip_cseq_decode(&value.cseq, &hdr->val);
	case SIP_HDR_CONTENT_TYPE:
		return msg_ctype_decode(&value.ctype, &hdr->val);
	case SIP_HDR_MAX_FORWARDS:
	case SIP_HDR_CONTENT_LENGTH:
	case SIP_HDR_MIN_SE:
		(void)pl_u32(&hdr->val);
		return 0;
	case SIP_HDR_SESSION_EXPIRES:
		(void)pl_u32(&hdr->val);
		(void)msg_param_decode(&hdr->val, "refresher", &param);
		return 0;
	default:
		return 0;
	}
}

static int once(struct mbuf *in, struct mbuf *out, bool typed)
{
	struct sip_msg *msg = NULL;
	struct le *le;
	int err;

	in->pos = 0;
	err = sip_msg_decode(&msg, in);
	if (err)
		return err;
	mbuf_rewind(out);
	err = mbuf_printf(out, "%r %r SIP/%r\r\n", &msg->met, &msg->ruri, &msg->ver);
	for (le = msg->hdrl.head; le && !err; le = le->next) {
		const struct sip_hdr *hdr = le->data;
		if (typed)
			err = decode_header(hdr);
		if (!err)
			err = mbuf_write_pl(out, &hdr->name);
		if (!err)
			err = mbuf_write_str(out, ": ");
		if (!err)
			err = mbuf_write_pl(out, &hdr->val);
		if (!err)
			err = mbuf_write_str(out, "\r\n");
	}
	if (!err)
		err = mbuf_write_str(out, "\r\n");
	if (!err)
		err = mbuf_write_mem(out, mbuf_buf(msg->mb), mbuf_get_left(msg->mb));
	mem_deref(msg);
	return err;
}

static double rate(struct mbuf *in, struct mbuf *out, bool typed, double span)
{
	const double start = now_ms();
	double spent = 0;
	long count = 0;
	while (spent < span) {
		for (int i = 0; i < BATCH; i++) {
			if (once(in, out, typed)) {
				fprintf(stderr, "libre cannot read the message\n");
				exit(1);
			}
		}
		count += BATCH;
		spent = now_ms() - start;
	}
	return count * 1e3 / spent;
}

int main(int argc, char **argv)
{
	static char bytes[MAX_MESSAGE];
	if (argc != 4)
		return 2;
	FILE *file = fopen(argv[1], "rb");
	if (!file)
		return 1;
	const size_t size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	if (libre_init())
		return 1;
	struct mbuf *in = mbuf_alloc(size);
	struct mbuf *out = mbuf_alloc(2 * size);
	if (!in || !out)
		return 1;
	mbuf_write_mem(in, (const uint8_t *)bytes, size);
	const double span = atof(argv[3]);
	(void)rate(in, out, true, span);
	for (int round = 0; round < atoi(argv[2]); round++)
		printf("%.1f %.1f\n", rate(in, out, false, span), rate(in, out, true, span));
	mem_deref(in);
	mem_deref(out);
	libre_close();
	return 0;
}
