// What is wrong with bytes from outside: a typed answer, never an exception.

/** Text that does not follow its grammar. */
export interface SyntaxFault {
  /** A short English sentence without the peer's text in it; fit for a reason phrase. */
  readonly reason: string;
}

export const syntaxFault = (reason: string): SyntaxFault => ({ reason });
