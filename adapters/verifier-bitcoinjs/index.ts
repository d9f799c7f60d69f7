export { bitcoinjsOpinion } from "./opinion.ts";
