"""The upper tail of a standardised Pearson III variable, fast: one polynomial expression a value, without branches.

A tail of the gamma distribution with shape a = 4 / skewness^2 is a normal tail at w(z, skewness). With
t = z skewness / 2, u = t / (2 + t) and q = skewness^2 / 4, w = z H(u) + skewness / 2 F(u, q), where H is Temme's (1979)
eta / t and F is smooth and nearly constant. H and F are polynomials here, fitted to scipy's incomplete gamma functions
(tests/campaigns/fit_pearson_tail.py prints them anew). Where |u| <= `REACH` and q <= 1, w is within 3e-9, so a tail
probability is within 3e-9 (1 + |w|) of itself: 3e-8 down to 1e-20, 2e-7 anywhere. Elsewhere `inside` is false and the
caller asks scipy. The order of additions and multiplications is fixed, so results do not depend on the processor.
"""

from numba import njit

# The compiled loops of geo/conditional.py hold copies of these functions, and numba only looks at that file's date to
# see whether its kept code is fresh: after a change here, touch geo/conditional.py.
REACH = 0.7
SMALL_UP_TO, LARGE_UP_TO, LARGE_MIDDLE = 0.25, 1.0, 0.6
MILLS_AT = 3.75
FARTHEST = 40.0
"""Deviates beyond this are cut: their tails are 0 in double precision."""
ROOT_HALF = 0.7071067811865476

# fmt: off
H = (
    1.0000000000000353, -0.6666666666674839, 0.11111111108003183, -0.19259259233384138, 0.06543210341463183,
    -0.10640801989766223, 0.04610201891057966, -0.07182332386703029, 0.035480031934274514, -0.053567918768654355,
    0.02860850531040858, -0.0419192874475436, 0.02600420203857215, -0.03947006852044739, 0.005736265258011768,
    0.004461668296962464, 0.10391745818959795, -0.20338334605713762, -0.3291677884550877, 0.6451781446389316,
    0.999388033058905, -1.808473582498767, -1.9362587052402052, 3.3328167562432403, 2.5769689133721134,
    -4.211519814096184, -2.026747178878827, 3.1703912131565617, 0.77020941662342, -1.1506745179082556,
)
MILLS = (
    1.0919229095628238, -0.9587415766524079, 0.736318925214077, -0.49047029124389835, 0.27906204930187717,
    -0.1319554003765478, 0.04911877510188236, -0.012535888354054593, 0.0009863604201854497, 0.0007948704613834094,
    -0.0003487227198798026, 1.0435853642921896e-05, 3.760947743495457e-05, -8.591957388943037e-06,
    -3.4060547384412803e-06, 1.3082042270502202e-06, 2.950335619028394e-07, -7.059777711310994e-08,
)
SMALL_0 = (
    0.33333333286671124, -0.05555555936295014, -0.020987504643561552, -0.01769502132019216, -0.012235951821568936,
    -0.010173705100319778, -0.008345332260842183, -0.006728820463933576, -0.008006822567570836, -0.00725574787342079,
    0.0032848652322754746, 0.00553718995927319, -0.030341311428458164, -0.030390031154032184, 0.04005133074271583,
    0.03876327302660646, -0.03611357916841789, -0.03163629681401836,
)
SMALL_1 = (
    0.008024682544159773, 0.006121348987233519, -0.0038771559156602553, 0.0008983652440767673,
    -0.0019374729949523633, 0.00027191335365990186, -0.001045892228162307, 0.00011838420463522898,
    -0.001606712789367823, -4.5972995653963254e-05, 0.0013902659956238272, 0.00018469100034009794,
    -0.002688406121868419, -0.00017411530152685264,
)
SMALL_2 = (
    -0.0037901615407160733, 0.0029404534104912287, 0.0006526971519225509, -8.211005342824314e-05,
    0.00037576791769457533, -0.0001955361314614695, 0.0003719813524996212, -0.0003573846216543613,
    -0.00017158091571422573, 0.000303084171792014, 0.00065839154387858, -0.0007067500446205917,
)
SMALL_3 = (
    -0.0008710987017454183, -0.0007648510011784875, 0.001249783362080068, -0.00030726942207650465,
    0.0003609753313446927, -8.048880983993904e-05, 0.00013378502616045884, -8.727231683747641e-05,
    5.545900046185066e-05, 0.00010109596834531556,
)
SMALL_4 = (
    0.0009061698508444436, -0.0007360713784862504, -0.0004378883663095403, 0.00040176947012734966,
    -0.00020680623860167674, 0.00015758229118835074, -0.00028337406512365904, 0.0002537206397031915,
)
LARGE_0 = (
    0.33670835074298744, -0.05106586705099812, -0.02287497578871172, -0.017204213916487354, -0.013203463313688862,
    -0.010085381880751807, -0.008945825656883072, -0.0067281156237130844, -0.008501398122337314,
    -0.007318562801189389, 0.0033508177579166646, 0.00565802887987389, -0.0317729498662077, -0.03086696073086019,
    0.041848746767227406, 0.03940093077138099, -0.037800837767100096, -0.032138497942849856,
)
LARGE_1 = (
    0.0032638079376460403, 0.00838120123863571, -0.0022046440224427616, 0.0007645147543073824,
    -0.0012697239645476997, 4.6760707141760695e-05, -0.0007198171148636925, -1.1629671935781267e-05,
    -0.0011717397284411726, -0.0004409390072790437, 0.00104213224422852, 0.000628438824561968,
    -0.0019929957142848227, -0.000829617869120484,
)
LARGE_2 = (
    -0.0036615386655214025, 0.0007384336465765852, 0.0016949213320316852, 4.90907919486358e-06,
    0.0005956748800385595, -6.680602292215205e-05, 0.00036611716562925657, -0.00014385522088085419,
    -5.800285452861574e-05, 0.00012321818230445622, 0.00044848164154712226, -0.00029106593519670054,
)
LARGE_3 = (
    0.000686585659691646, -0.0011116865014039303, -9.855234971115993e-05, 0.00017165890223721115,
    -2.9344922367451506e-05, 0.00015593249970855807, 1.5028926294700993e-05, -8.419701893364578e-07,
    -9.012451593454176e-05, 0.00020222176698016876,
)
LARGE_4 = (
    0.00019972557640273567, 0.00037370255573690117, -0.0003651113902308969, -5.7919473908557395e-05,
    -5.422382218668959e-05, -3.2657991023800596e-05, -1.797691088319479e-05, 7.905472902645418e-06,
    3.5063550289415767e-05, -4.818151009830768e-05,
)
LARGE_5 = (
    -0.0002498235048892215, 8.102016566448306e-05, 0.0002494970363750734, -8.012797767763265e-05,
    3.208314369106962e-05, -3.313446594458846e-05, 1.166971687477685e-05, -2.1596419614609194e-05,
)
LARGE_6 = (
    0.0001069921854092135, -0.00015239850112441317, -5.518550081097389e-05, 8.900897133195694e-05,
    -1.2705381112341736e-05, 2.7386298766069886e-05, -2.5182712637631446e-05, 2.35026611923038e-05,
)
# fmt: on
EXPONENTIAL = (1.0, 1.0, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320, 1 / 362880)

# The compiler turns a loop over a short constant tuple into straight code that it can run on several values at once,
# but gives up on long ones: polynomials are kept in pieces of at most ten coefficients.
H_LOW, H_MIDDLE, H_HIGH = H[:10], H[10:20], H[20:]
MILLS_LOW, MILLS_HIGH = MILLS[:9], MILLS[9:]
SMALL_0_LOW, SMALL_0_HIGH = SMALL_0[:9], SMALL_0[9:]
SMALL_1_LOW, SMALL_1_HIGH = SMALL_1[:9], SMALL_1[9:]
SMALL_2_LOW, SMALL_2_HIGH = SMALL_2[:9], SMALL_2[9:]
LARGE_0_LOW, LARGE_0_HIGH = LARGE_0[:9], LARGE_0[9:]
LARGE_1_LOW, LARGE_1_HIGH = LARGE_1[:9], LARGE_1[9:]
LARGE_2_LOW, LARGE_2_HIGH = LARGE_2[:9], LARGE_2[9:]


@njit(inline="always")
def _polynomial(x, coefficients):
    value = coefficients[len(coefficients) - 1]
    for power in range(len(coefficients) - 2, -1, -1):
        value = value * x + coefficients[power]
    return value


@njit(inline="always")
def inside(z, skewness):
    """Whether `normal_deviate` holds at this place."""
    t = z * skewness * 0.5
    u = t / (2.0 + t)
    return (abs(u) <= REACH) & (skewness * skewness <= 4 * LARGE_UP_TO)


@njit(inline="always")
def normal_deviate(z, skewness):
    """w with P(standard normal >= w) = P(standardised Pearson III >= z), where `inside`."""
    t = z * skewness * 0.5
    u = t / (2.0 + t)
    q = skewness * skewness * 0.25
    u3 = u * u * u
    u9 = u3 * u3 * u3
    u10 = u9 * u
    h = _polynomial(u, H_LOW) + u10 * (_polynomial(u, H_MIDDLE) + u10 * _polynomial(u, H_HIGH))
    small = _polynomial(u, SMALL_4)
    small = small * q + _polynomial(u, SMALL_3)
    small = small * q + (_polynomial(u, SMALL_2_LOW) + u9 * _polynomial(u, SMALL_2_HIGH))
    small = small * q + (_polynomial(u, SMALL_1_LOW) + u9 * _polynomial(u, SMALL_1_HIGH))
    small = small * q + (_polynomial(u, SMALL_0_LOW) + u9 * _polynomial(u, SMALL_0_HIGH))
    r = q - LARGE_MIDDLE
    large = _polynomial(u, LARGE_6)
    large = large * r + _polynomial(u, LARGE_5)
    large = large * r + _polynomial(u, LARGE_4)
    large = large * r + _polynomial(u, LARGE_3)
    large = large * r + (_polynomial(u, LARGE_2_LOW) + u9 * _polynomial(u, LARGE_2_HIGH))
    large = large * r + (_polynomial(u, LARGE_1_LOW) + u9 * _polynomial(u, LARGE_1_HIGH))
    large = large * r + (_polynomial(u, LARGE_0_LOW) + u9 * _polynomial(u, LARGE_0_HIGH))
    f = small if q <= SMALL_UP_TO else large
    return z * h + 0.5 * skewness * f


@njit(inline="always")
def normal_tail(w):
    """P(standard normal >= w) for w >= 0, within 1e-12 relative up to w = 5 and 1e-10 up to 37."""
    x = min(w, FARTHEST) * ROOT_HALF
    # exp(-x^2) as the 4096th power of a short series: no table, no bit tricks
    power = _polynomial(-(x * x) / 4096.0, EXPONENTIAL)
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    power = power * power
    scale = 1.0 / (x + MILLS_AT)
    v = (x - MILLS_AT) * scale
    v3 = v * v * v
    v9 = v3 * v3 * v3
    return 0.5 * power * (_polynomial(v, MILLS_LOW) + v9 * _polynomial(v, MILLS_HIGH)) * scale
