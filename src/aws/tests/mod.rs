mod answers;
mod calls;
mod vectors;
