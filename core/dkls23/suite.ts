/** Names the parameter set and everything that is hashed: changes whenever either does. */
export const SUITE = "dkls23-secp256k1-v1";
