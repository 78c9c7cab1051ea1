// Why a call came to nothing, in the owner's words (RFC 3261 21, 24.611 barring, 24.604; English).

export interface FailureWords {
  /** Beside a row of the log. */
  readonly brief: string;
  /** A sentence. */
  readonly sentence: string;
}

/** By final response to our INVITE; others in `failureWords`. */
export const FAILURES: Readonly<Record<number, FailureWords>> = {
  300: { brief: 'moved', sentence: 'There are other ways to reach whom you called; none was tried.' },
  301: { brief: 'moved', sentence: 'Whom you called is to be found elsewhere now.' },
  302: { brief: 'moved', sentence: 'Whom you called is elsewhere at present.' },
  380: { brief: 'another way is needed', sentence: 'The network asks to make this call in another way.' },
  401: { brief: 'not allowed', sentence: 'The network does not accept the password of this device.' },
  402: { brief: 'not paid', sentence: 'The network asks for payment first.' },
  403: { brief: 'not allowed', sentence: 'The network does not allow this call.' },
  404: { brief: 'no such number', sentence: 'There is no such number.' },
  407: { brief: 'not allowed', sentence: 'The network does not accept the password of this device.' },
  408: { brief: 'no answer', sentence: 'There was no answer.' },
  410: { brief: 'no such number', sentence: 'This number is no longer in use.' },
  416: { brief: 'not understood', sentence: 'The network does not understand this kind of address.' },
  433: { brief: 'no anonymous calls', sentence: 'Whom you called takes no anonymous calls (RFC 5079).' },
  480: { brief: 'not available', sentence: 'Whom you called is not available.' },
  484: { brief: 'number incomplete', sentence: 'The number is incomplete.' },
  486: { brief: 'busy', sentence: 'Whom you called is busy.' },
  488: { brief: 'no codec in common', sentence: 'The two devices have no kind of sound in common.' },
  500: { brief: 'network failure', sentence: 'Something failed in the network.' },
  503: { brief: 'network busy', sentence: 'The network cannot take this call at present.' },
  504: { brief: 'network failure', sentence: 'The network did not get an answer in time.' },
  580: { brief: 'conditions not met', sentence: 'The other side could not reserve what the call needs.' },
  600: { brief: 'busy', sentence: 'Whom you called is busy on every device.' },
  603: { brief: 'declined', sentence: 'The call was declined, by whom you called or by a barring.' },
  604: { brief: 'no such number', sentence: 'There is no such number anywhere.' },
  606: { brief: 'no codec in common', sentence: 'The two devices have no kind of sound in common.' },
};

/** By class, for statuses without words of their own. */
const CLASSES: Readonly<Record<number, string>> = {
  3: 'Whom you called is to be found elsewhere.',
  4: 'The call could not be made.',
  5: 'Something failed in the network.',
  6: 'The call was refused everywhere.',
};

export const failureWords = (status: number): FailureWords =>
  FAILURES[status] ?? {
    brief: `failed (SIP ${status})`,
    sentence: `${CLASSES[Math.floor(status / 100)] ?? 'The call failed.'} (SIP ${status})`,
  };
