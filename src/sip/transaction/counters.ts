// Counters of the transaction layer.
export const TRANSACTION_COUNTERS = {
  sip_client_transactions_total: 'Requests sent, retransmissions not counted.',
  sip_server_transactions_total: 'Requests received, retransmissions not counted.',
  sip_retransmissions_sent_total: 'Requests, ACKs and responses sent again.',
  sip_retransmissions_received_total:
    'Requests and final responses of peers that came again and were absorbed.',
  sip_client_timeouts_total: 'Requests without a final response in time (Timer B, F).',
  sip_ack_timeouts_total: 'INVITEs we refused whose ACK never came (Timer H).',
  sip_transport_failures_total: 'Transactions told that a message could not be delivered.',
  sip_stray_responses_total: 'Responses that belong to no request of ours; dropped (18.1.2 and RFC 6026).',
  sip_acks_passed_total: 'ACKs passed on to the user: those of a 2xx, and those that match nothing.',
  sip_bad_requests_answered_total: 'Broken requests answered with an error straight away (RFC 4475).',
  sip_responses_out_of_state_total: 'Responses of our own user that the transaction could not send any more.',
} as const;

export type TransactionCounter = keyof typeof TRANSACTION_COUNTERS;
