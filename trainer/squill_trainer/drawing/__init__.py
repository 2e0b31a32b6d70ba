"""Line charts as SVG and PNG, without a plotting library."""
