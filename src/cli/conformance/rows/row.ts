// One requirement of NG.110 v3.0, or a child of one, in our own words.

export interface RequirementRow {
  /** Stable; quoted by tests and comments. */
  readonly id: string;
  readonly clause: string;
  readonly text: string;
  /** M must, S should, O may, N by the network; of a child: what its parent says. */
  readonly kind?: string;
  /** D downloadable client, N native client (a UICC is fitted). */
  readonly client?: string;
  readonly parent?: string;
  /** Only for a native client: not applicable to this firmware. */
  readonly native?: true;
  /** Only our own operator can show it: `shown` is the most it reaches. */
  readonly operatorOnly?: true;
  /** The half that only our own operator can show; a stranger judges the rest. */
  readonly operatorHalf?: string;
  /** Nothing of its own to test: its children are all of it. */
  readonly rollUp?: true;
}
