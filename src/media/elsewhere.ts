// Media that comes from another early dialog than the one that is set (24.628 4.7.2.1).

export interface Elsewhere {
  readonly address: string;
  readonly port: number;
  /** The remote that is set sends as well. */
  readonly present: boolean;
}
