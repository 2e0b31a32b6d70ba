/* cblas_sgemm over scipy-openblas32, whose own names carry the prefix scipy_.
 *
 * Loaded with RTLD_GLOBAL before MLX, it is the one that MLX finds. A few rows go to sgemv, which
 * OpenBLAS runs faster than a gemm of the same shape: that is every step of decoding.
 */
#include <string.h>

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112, MOST_ROWS = 3 };

void scipy_cblas_sgemm(int, int, int, int, int, int, float, const float *, int, const float *, int,
                       float, float *, int);
void scipy_cblas_sgemv(int, int, int, int, float, const float *, int, const float *, int, float,
                       float *, int);

/* How often it was called: proof that MLX uses it. */
unsigned long squill_sgemm_calls = 0;

void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                 const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc) {
  __atomic_fetch_add(&squill_sgemm_calls, 1, __ATOMIC_RELAXED);
  if (order != ROW_MAJOR || m > MOST_ROWS) {
    scipy_cblas_sgemm(order, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    return;
  }
  /* Row i: c[i] = alpha * op(b)^T * op(a)[i] + beta * c[i]. */
  int plain_a = trans_a == NO_TRANS, plain_b = trans_b == NO_TRANS;
  for (int i = 0; i < m; i++) {
    float *y = c + (long)i * ldc;
    if (beta == 0) memset(y, 0, sizeof(float) * n); /* c may hold NaN: 0 * NaN is not 0 */
    scipy_cblas_sgemv(ROW_MAJOR, plain_b ? TRANS : NO_TRANS, plain_b ? k : n, plain_b ? n : k,
                      alpha, b, ldb, a + (plain_a ? (long)i * lda : i), plain_a ? 1 : lda, beta, y,
                      1);
  }
}
