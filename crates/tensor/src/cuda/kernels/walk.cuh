// Where the elements of operands lie that are broadcast to, or are parts of, a dense result.

// The sizes of the result's dimensions in the order of its memory, outermost first, and the steps of N operands along each.
template <int N> struct Walk {
    int rank, unused;
    i64 size[RANK];
    i64 step[N][RANK];
    i64 start[N];
};

// Where element i of the result lies in each operand.
template <int N> __device__ inline void offsets(const Walk<N>& walk, i64 i, i64* at) {
    for (int k = 0; k < N; k++) at[k] = walk.start[k];
    for (int d = walk.rank - 1; d >= 0; d--) {
        i64 rest = i / walk.size[d], place = i - rest * walk.size[d];
        for (int k = 0; k < N; k++) at[k] += place * walk.step[k][d];
        i = rest;
    }
}
