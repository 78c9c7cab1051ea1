// Counters of the user agent core.
export const UA_COUNTERS = {
  sip_requests_answered_by_core_total:
    'Requests refused before any owner saw them (400, 405, 416, 420: RFC 3261 8.2).',
  sip_merged_requests_total:
    'Requests that came twice over different paths; answered 482 (RFC 3261 8.2.2.2).',
  sip_unknown_dialog_total: 'Requests for a dialog that does not exist; answered 481 (RFC 3261 12.2.2).',
  sip_unknown_notify_total: 'Of those, NOTIFY requests (RFC 6665 4.1.3).',
  sip_out_of_order_total: 'Requests in a dialog with a CSeq that is too low; answered 500 (RFC 3261 12.2.2).',
  sip_unmatched_cancels_total: 'CANCELs for no INVITE; answered 481 (RFC 3261 9.2).',
  sip_unmatched_acks_total: 'ACKs that acknowledge no 2xx of ours.',
  sip_success_repeats_total: '2xx answers to INVITE sent again because no ACK had come (RFC 3261 13.3.1.4).',
  sip_success_unacknowledged_total: '2xx answers to INVITE whose ACK never came.',
  sip_provisional_repeats_total:
    'Reliable provisional responses sent again because no PRACK had come (RFC 3262 3).',
  sip_provisional_unacknowledged_total: 'Reliable provisional responses whose PRACK never came.',
  sip_ack_repeats_total: 'ACKs sent again because the 2xx came again (RFC 3261 13.2.2.4).',
  sip_challenges_answered_total: '401 and 407 answered with credentials.',
  sip_failovers_total: 'Requests tried at the next address (RFC 3263 4.3).',
  sip_bad_server_proofs_total: 'Answers whose rspauth was wrong (RFC 7616 3.5).',
} as const;

export type UaCounter = keyof typeof UA_COUNTERS;
