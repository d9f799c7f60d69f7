/** What a PSBT pays, without a wallet and without a chain: as much as anybody can say about it, for ever. */
import { equalBytes } from "@conclave/bytes";
import { RawPSBTV0 } from "@scure/btc-signer/psbt.js";
import { AddressError, parseAddress } from "./address.ts";
import type { PaymentRequest } from "./check-payment.ts";
import type { Network } from "./network.ts";

/**
 * True if the transaction in a PSBT certainly has no output of exactly the amount asked for to the recipient. False where it has
 * one, and where the bytes are no PSBT or the address is none of the network: that says nothing.
 */
export function paysNothingLike(
  psbt: Uint8Array,
  { recipient, amount }: Pick<PaymentRequest, "recipient" | "amount">,
  network: Network,
): boolean {
  const outputs = outputsOf(psbt);
  const script = scriptOf(recipient, network);
  if (outputs === null || script === null) return false;
  return !outputs.some((output) => output.amount === amount && equalBytes(output.script, script));
}

function outputsOf(psbt: Uint8Array): readonly { readonly amount: bigint; readonly script: Uint8Array }[] | null {
  try {
    return RawPSBTV0.decode(psbt).global.unsignedTx?.outputs ?? null;
  } catch {
    // The library throws whatever its coders throw: bytes that it cannot read are no PSBT.
    return null;
  }
}

function scriptOf(address: string, network: Network): Uint8Array | null {
  try {
    return parseAddress(address, network).scriptPubKey;
  } catch (error) {
    if (error instanceof AddressError) return null;
    throw error;
  }
}
