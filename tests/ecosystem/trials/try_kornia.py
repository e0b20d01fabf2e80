"""kornia: augmentations of images with masks, boxes and key points, filters, colours, morphology, geometry (warps, cameras, homographies, depth), features, losses, metrics, and gradients through them."""

import kornia as K
import kornia.augmentation as augmentation
import torch
from outcome import report

results = {}
torch.manual_seed(0)
image = torch.rand(2, 3, 24, 32)
gray = image.mean(1, keepdim=True)


def with_gradient(name, function, x=image):
    """What a function gives, and the gradient of its squares in the image."""
    x = x.clone().requires_grad_()
    found = function(x)
    found.square().sum().backward()
    results[name] = [found.mean((2, 3)) if found.ndim == 4 else found, x.grad.abs().mean((0, 1))]


for name, function in {
    "gaussian": lambda x: K.filters.gaussian_blur2d(x, (5, 5), (1.5, 1.5)),
    "box": lambda x: K.filters.box_blur(x, (3, 5)),
    "median": lambda x: K.filters.median_blur(x, (3, 3)),
    "bilateral": lambda x: K.filters.bilateral_blur(x, (3, 3), 0.1, (1.5, 1.5)),
    "motion": lambda x: K.filters.motion_blur(x, 5, 35.0, 0.5),
    "sobel": lambda x: K.filters.sobel(x),
    "laplacian": lambda x: K.filters.laplacian(x, 3),
    "unsharp": lambda x: K.filters.unsharp_mask(x, (3, 3), (1.5, 1.5)),
    "gradients": lambda x: K.filters.spatial_gradient(x).flatten(1, 2),
    "own_kernel": lambda x: K.filters.filter2d(x, torch.ones(1, 3, 3) / 9),
    "hsv": lambda x: K.color.hsv_to_rgb(K.color.rgb_to_hsv(x)),
    "lab": lambda x: K.color.rgb_to_lab(x) / 100,
    "yuv": lambda x: K.color.yuv_to_rgb(K.color.rgb_to_yuv(x)),
    "gray": K.color.rgb_to_grayscale,
    "brightness": lambda x: K.enhance.adjust_brightness(x, 0.1),
    "contrast": lambda x: K.enhance.adjust_contrast(x, 0.8),
    "hue": lambda x: K.enhance.adjust_hue(x, 0.2),
    "saturation": lambda x: K.enhance.adjust_saturation(x, 1.3),
    "gamma": lambda x: K.enhance.adjust_gamma(x, 1.7),
    "sharpness": lambda x: K.enhance.sharpness(x, 0.6),
    "normalized": lambda x: K.enhance.normalize(x, torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.2])),
    "dilation": lambda x: K.morphology.dilation(x, torch.ones(3, 3)),
    "opening": lambda x: K.morphology.opening(x, torch.ones(3, 3)),
    "resized": lambda x: K.geometry.resize(x, (18, 20), antialias=True),
    "rotated": lambda x: K.geometry.rotate(x, torch.tensor([30.0, -12.0])),
    "sheared": lambda x: K.geometry.shear(x, torch.tensor([[0.1, 0.0], [0.0, 0.2]])),
    "pyramid": lambda x: K.geometry.pyrdown(x),
    "up": lambda x: K.geometry.pyrup(x),
}.items():
    with_gradient(name, function)
results["canny"] = K.filters.canny(gray)[0].mean((2, 3))
results["equalized"] = [K.enhance.equalize(image).mean((2, 3)), K.enhance.equalize_clahe(gray).mean((2, 3))]
results["posterized"] = [K.enhance.posterize(image, 3).mean(), K.enhance.solarize(image, 0.4).mean()]
results["histogram"] = K.enhance.histogram(gray.flatten(1), torch.linspace(0, 1, 8), torch.tensor(0.1))

# Geometry.
corners = torch.tensor([[[0.0, 0.0], [31, 0], [31, 23], [0, 23]]]).repeat(2, 1, 1)
moved = corners + torch.tensor([[[2.0, 1], [-3, 2], [1, -2], [2, -1]]])
homography = K.geometry.get_perspective_transform(corners, moved)
with_gradient("perspective", lambda x: K.geometry.warp_perspective(x, homography, (24, 32)))
affine = K.geometry.get_affine_matrix2d(
    torch.tensor([[1.0, 2], [0, -1]]),
    torch.tensor([[16.0, 12]] * 2),
    torch.tensor([[1.1, 0.9]] * 2),
    torch.tensor([10.0, -20]),
)
with_gradient("affine", lambda x: K.geometry.warp_affine(x, affine[:, :2], (24, 32), padding_mode="reflection"))
results["homography"] = [homography, affine]
points = torch.rand(1, 12, 2) * 20
mapped = K.geometry.transform_points(homography[:1], points)
results["found"] = [K.geometry.find_homography_dlt(points, mapped), mapped]
results["fundamental"] = K.geometry.epipolar.sampson_epipolar_distance(points, mapped, torch.rand(1, 3, 3))
axis = torch.randn(3, 3)
turns = K.geometry.axis_angle_to_rotation_matrix(axis)
results["turns"] = [
    turns,
    K.geometry.rotation_matrix_to_axis_angle(turns),
    K.geometry.quaternion_exp_to_log(K.geometry.normalize_quaternion(torch.randn(2, 4))),
]
camera = torch.tensor([[[20.0, 0, 16], [0, 20, 12], [0, 0, 1]]])
depth = 1 + torch.rand(1, 1, 24, 32)
cloud = K.geometry.depth_to_3d(depth, camera)
results["cloud"] = [cloud.mean((2, 3)), K.geometry.depth_to_normals(depth, camera).mean((2, 3))]
results["projected"] = K.geometry.project_points(cloud[0].flatten(1).T, camera[0].expand(24 * 32, 3, 3)).mean(0)
results["distances"] = K.contrib.distance_transform((gray > 0.4).float()).mean((2, 3))

# Features, losses, metrics.
results["harris"] = K.feature.harris_response(gray).mean((2, 3))
results["responses"] = [
    K.feature.gftt_response(gray).mean(),
    K.feature.hessian_response(gray).mean(),
    K.feature.dog_response_single(gray).mean(),
]
patches = torch.rand(4, 1, 32, 32)
results["sift"] = K.feature.SIFTDescriptor(32)(patches)
torch.manual_seed(1)
results["descriptors"] = [K.feature.HardNet(False).eval()(patches), K.feature.SOSNet(False).eval()(patches)]
distances, pairs = K.feature.match_snn(results["sift"], results["sift"] + 0.01 * torch.rand(4, 128), 0.95)
results["matched"] = [distances, pairs.float()]
scores, classes = torch.randn(2, 4, 8, 8, requires_grad=True), torch.randint(4, (2, 8, 8))
for name, loss in {
    "dice": lambda: K.losses.dice_loss(scores, classes),
    "focal": lambda: K.losses.focal_loss(scores, classes, 0.5, 2.0, "mean"),
    "tversky": lambda: K.losses.tversky_loss(scores, classes, 0.4, 0.6),
    "lovasz": lambda: K.losses.lovasz_softmax_loss(scores, classes),
}.items():
    scores.grad = None
    value = loss()
    value.backward()
    results[f"loss_{name}"] = [value, scores.grad.abs().mean((2, 3))]
noisy = (image + 0.1 * torch.rand(2, 3, 24, 32)).clamp(0, 1)
results["alike"] = [
    K.losses.ssim_loss(image, noisy, 5),
    K.losses.ms_ssim_loss(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64))
    if hasattr(K.losses, "ms_ssim_loss")
    else 0,
    K.losses.psnr_loss(image, noisy, 1.0),
    K.losses.total_variation(image),
    K.metrics.ssim(image, noisy, 5).mean(),
    K.metrics.confusion_matrix(classes.flatten(1), scores.argmax(1).flatten(1), 4),
    K.metrics.mean_iou(scores.argmax(1), classes, 4),
]

# Augmentations, with the same draws.
CHANGES = {
    "flip": augmentation.RandomHorizontalFlip(p=0.5),
    "crop": augmentation.RandomCrop((16, 20)),
    "resized_crop": augmentation.RandomResizedCrop((16, 16)),
    "affine": augmentation.RandomAffine(20.0, (0.1, 0.1), (0.8, 1.2), 10.0, p=1.0),
    "perspective": augmentation.RandomPerspective(0.4, p=1.0),
    "rotation": augmentation.RandomRotation(45.0, p=1.0),
    "jitter": augmentation.ColorJiggle(0.2, 0.2, 0.2, 0.1, p=1.0),
    "classic_jitter": augmentation.ColorJitter(0.2, 0.2, 0.2, 0.1, p=1.0),
    "noise": augmentation.RandomGaussianNoise(p=1.0),
    "blur": augmentation.RandomGaussianBlur((3, 3), (0.1, 2.0), p=1.0),
    "motion": augmentation.RandomMotionBlur(3, 35.0, 0.5, p=1.0),
    "erasing": augmentation.RandomErasing(p=1.0),
    "elastic": augmentation.RandomElasticTransform(p=1.0),
    "plate": augmentation.RandomThinPlateSpline(p=1.0),
    "gray": augmentation.RandomGrayscale(p=0.5),
    "solarize": augmentation.RandomSolarize(p=1.0),
    "equalize": augmentation.RandomEqualize(p=1.0),
    "shuffle": augmentation.RandomChannelShuffle(p=1.0),
    "salt": augmentation.RandomSaltAndPepperNoise(p=1.0),
}
for number, (name, change) in enumerate(CHANGES.items()):
    torch.manual_seed(number)
    results[f"random_{name}"] = change(image).mean((2, 3))
labels = torch.tensor([1, 4])
torch.manual_seed(40)
results["mixup"] = [
    part.float() if part.ndim < 4 else part.mean((2, 3))
    for part in augmentation.RandomMixUpV2(p=1.0, data_keys=["input", "class"])(image, labels)
]
results["cutmix"] = [
    part.float() if part.ndim < 4 else part.mean((2, 3))
    for part in augmentation.RandomCutMixV2(p=1.0, data_keys=["input", "class"])(image, labels)
]
together = augmentation.AugmentationSequential(
    augmentation.RandomAffine(25.0, (0.1, 0.1), p=1.0),
    augmentation.RandomHorizontalFlip(p=0.5),
    augmentation.ColorJiggle(0.1, 0.1, 0.1, 0.1, p=0.8),
    data_keys=["input", "mask", "bbox_xyxy", "keypoints"],
)
torch.manual_seed(41)
boxes = torch.tensor([[[4.0, 4, 12, 16]], [[8.0, 2, 20, 12]]])
found = together(image, (gray > 0.5).float(), boxes, torch.rand(2, 5, 2) * 20)
results["together"] = [found[0].mean((2, 3)), found[1].mean((2, 3)), *found[2:], together.transform_matrix]
torch.manual_seed(42)
results["policy"] = [
    augmentation.auto.RandAugment(2, 10)(image).mean((2, 3)),
    augmentation.auto.TrivialAugment()(image).mean((2, 3)),
]
change = augmentation.RandomAffine(20.0, p=1.0)
x = image.clone().requires_grad_()
change(x).square().sum().backward()
results["through"] = x.grad.mean((2, 3))

# A network that learns how an image was moved.
torch.manual_seed(43)
shift = torch.nn.Parameter(torch.zeros(1, 2))
target = K.geometry.translate(image[:1], torch.tensor([[1.5, -0.8]]))
optimizer = torch.optim.Adam([shift], 0.1)
results["registered"] = []
for _ in range(8):
    optimizer.zero_grad()
    loss = (K.geometry.translate(image[:1], shift) - target).square().mean()
    loss.backward()
    optimizer.step()
    results["registered"] += [loss.item(), *shift.tolist()[0]]
report(**results)
